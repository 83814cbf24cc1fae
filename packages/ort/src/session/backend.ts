/** ONNX Runtime as a runtime has it: the library, how its sessions are opened, and where its editions differ. */
import type { CacheLayout } from "@dynamo/core";
import type * as OnnxRuntime from "onnxruntime-common";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { Appended } from "../cache/cache-layout.js";

/** An ONNX Runtime library, and how its sessions are opened. */
export interface Backend {
  /** onnxruntime-node or onnxruntime-web. */
  readonly ort: Pick<typeof OnnxRuntime, "InferenceSession" | "Tensor">;
  readonly options: OnnxRuntime.InferenceSession.SessionOptions;
  /** In the place of `options` of the same names, for graphs that are given as bytes. */
  readonly bytesOptions?: OnnxRuntime.InferenceSession.SessionOptions;
  /** Where tensors can stay in the device's own memory, as `gpu-buffer`; undefined where there is only the host's. */
  readonly gpu: Gpu | undefined;
  /** Whether a CPU tensor given for an output gets that output written into its memory. */
  readonly writesGivenOutputs: boolean;
  /**
   * With outputs in GPU memory, onnxruntime-node 1.30 binds outputs and never unbinds them: a run that fetches fewer than
   * the one before fails or mixes them up. So such a session always fetches everything there.
   */
  readonly fetchesAll: boolean;
}

/** What a device with memory of its own does otherwise. */
export interface Gpu {
  /** A KV cache in the device's memory. `side` opens the small graphs that it may need. */
  createCache(layout: CacheLayout, side: SideSessions): Promise<WorkerCache>;
}

/** The parts of ONNX Runtime that are used. */
export type Ort = Backend["ort"];

/** What a session in the worker needs of a KV cache, wherever it lies. */
export interface WorkerCache {
  /** Throws `invalid-argument` when such a pass cannot be. */
  check(pass: Appended): void;
  /** The first `rows` rows, by the names of the graph's inputs; valid until the next call. */
  feeds(rows: number): Promise<Readonly<Record<string, Tensor>>>;
  append(delta: Tensor, pass: Appended): Promise<void>;
  /** `source` is a cache of the same session, which may be this one. */
  copyRow(from: number, to: number, length: number, source: WorkerCache): Promise<void>;
  /** Gives up room beyond `length` positions, where a cache has grown and that pays. */
  trim(length: number): void;
  dispose(): void;
}

/** Sessions of the small graphs that move and edit tensors on a device, opened once each. */
export interface SideSessions {
  open(graph: Uint8Array, outputs: "cpu" | "gpu-buffer"): Promise<InferenceSession>;
  /** A copy of a tensor, from the host to the device or back. */
  copy(value: Tensor, to: "cpu" | "gpu-buffer"): Promise<Tensor>;
  dispose(): Promise<void>;
}
