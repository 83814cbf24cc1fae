/** What a runtime adapter offers: sessions over ONNX graphs, with a KV cache that stays where the session runs. */
import type { DType } from "./dtype.js";
import { checkValue, text } from "./value-checks.js";
import type { Tensor } from "./tensor.js";

/** What sessions run on. */
export type Device = "cpu" | "cuda" | "webgpu" | "wasm";

/** A graph to run: a file (external data beside it), or its bytes. */
export type GraphSource =
  | { readonly path: string }
  | {
      readonly bytes: Uint8Array;
      readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
    };

/** Runs graphs on a device. */
export interface Runtime {
  /** The device that sessions run on and why it was chosen; detection happens on the first call. */
  device(): Promise<DeviceChoice>;
  /** Loads a graph. The caller disposes the session. */
  createSession(graph: GraphSource, options?: SessionOptions): Promise<Session>;
  /** Copies tensors to where the sessions run, to stay there; the caller disposes the state. */
  createState(tensors: Feeds): Promise<RuntimeState>;
  /** Ends every session and frees the worker; calls under way reject. */
  dispose(): Promise<void>;
}

/**
 * Named tensors that stay where the sessions run and that runs read and replace: weights in training and an optimizer's
 * moments. All sessions of a runtime can use it. After a failed run its tensors are undefined.
 */
export interface RuntimeState {
  /** Copies of these tensors. */
  read(names: readonly string[]): Promise<Record<string, Tensor>>;
  /** Replaces tensors that are there, by ones of the same dtype and dims. */
  write(tensors: Feeds): Promise<void>;
  dispose(): Promise<void>;
}

/** Options of a session. */
export interface SessionOptions {
  /** Outputs that stay on the device where it has memory of its own: a cache's `delta`, what replaces a state's tensors. */
  readonly deviceOutputs?: readonly string[];
}

/** The device that was chosen, and why. */
export interface DeviceChoice {
  readonly device: Device;
  /** One sentence for people, e.g. "asked for" or "webgpu measured 1.8 x faster than cuda". */
  readonly reason: string;
  /** False where graphs in float16 cannot run: WebGPU without `shader-f16`. Absent where they can. */
  readonly float16?: boolean;
  /** Bytes that opening a session can take at most, in a browser; absent where nothing is known. See `checkGraphMemory`. */
  readonly memory?: number;
}

/** A graph's input or output: its name, dtype and dimensions. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  /** A string is a symbolic dimension. */
  readonly dims: readonly (number | string)[];
}

/** A loaded graph, ready to run. */
export interface Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** A KV cache for `run`; the caller disposes it. */
  createCache(layout: CacheLayout): Promise<SessionCache>;
  /**
   * One forward pass. Returns the fetched outputs as CPU tensors. With `append`, the cache feeds the graph's cache
   * inputs, and the pass's new keys and values are written into it. With a state, its tensors feed the inputs of their
   * names, and every output `<name>.next` replaces the state's tensor of that name.
   */
  run(
    feeds: Feeds,
    fetches: readonly string[],
    attached?: CacheAppend | { readonly state: RuntimeState },
  ): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
}

/** A graph's inputs by name. */
export type Feeds = Readonly<Record<string, Tensor>>;

/**
 * How a graph's KV cache lies in memory. Keys are [rows, heads, headSize, capacity] (a pass multiplies by them as they
 * stand), values are [rows, heads, capacity, headSize]. The graph returns the new positions of all of them in one tensor.
 */
export interface CacheLayout {
  /** In the order in which `delta` packs them. */
  readonly tensors: readonly CacheTensor[];
  /** The output [rows, sum of heads, S, headSize] that holds a pass's new keys and values. */
  readonly delta: string;
  readonly dtype: "float32" | "float16";
  readonly rows: number;
  /** Positions a row may hold at most. */
  readonly maxLength: number;
}

/** One layer's keys or values in a cache. */
export interface CacheTensor {
  readonly name: string;
  readonly kind: "key" | "value";
  readonly heads: number;
  readonly headSize: number;
  /**
   * Only the newest `room` positions of a row need be kept. The tensor is a ring then: position p lies at p modulo its capacity,
   * which grows up to `room` at least. Default: all positions, each at its own place.
   */
  readonly room?: number;
}

/** The memory behind a cache. It does not know how much of it counts: the lengths are its owner's. */
export interface SessionCache {
  /** Copies the first `length` positions of a row over another's; `source` is another cache of the session, of the same layout but for its rows. */
  copyRow(from: number, to: number, length: number, source?: SessionCache): Promise<void>;
  /** Gives up room beyond `length` positions, as far as that pays; what lies there is lost. */
  trim(length: number): Promise<void>;
  dispose(): Promise<void>;
}

/** A pass's KV cache, and what it holds and gets in each row. */
export interface CacheAppend {
  readonly cache: SessionCache;
  /** Positions that each of the pass's rows holds already; the pass uses the cache's first `lengths.length` rows. */
  readonly lengths: readonly number[];
  /** S: new positions of every row, padding included. */
  readonly newPositions: number;
  /** Of each row's new positions those that are kept: the others are padding. Default: all. */
  readonly counts?: readonly number[];
}

/** The output that replaces a state's tensor. */
export function nextName(name: string): string {
  checkValue("name", name, text);
  return `${name}.next`;
}
