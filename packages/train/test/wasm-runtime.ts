/** core's Runtime over onnxruntime-web's WASM in this thread, for tests alone: what training needs of it, no caches. */
import {
  DynamoError,
  nextName,
  tensor,
  type DType,
  type Feeds,
  type Runtime,
  type RuntimeState,
  type Session,
  type Tensor,
  type TensorInfo,
} from "@dynamo/core";
import * as ort from "onnxruntime-web";

const states = new WeakMap<RuntimeState, Map<string, Tensor>>();

export function createWasmRuntime(): Runtime {
  ort.env.wasm.numThreads = 1;
  const open = new Set<ort.InferenceSession>();
  return {
    device: () => Promise.resolve({ device: "wasm", reason: "asked for" }),
    async createSession(graph) {
      if (!("bytes" in graph)) throw new DynamoError("unsupported", "expected a graph's bytes, received a path");
      const native = await ort.InferenceSession.create(graph.bytes, { executionProviders: ["wasm"] });
      open.add(native);
      return wasmSession(native, () => open.delete(native));
    },
    createState(tensors) {
      const held = new Map(Object.entries<Tensor>(tensors).map(([name, value]) => [name, copyOf(value)]));
      const state = wasmState(held);
      states.set(state, held);
      return Promise.resolve(state);
    },
    async dispose() {
      for (const native of open) await native.release();
      open.clear();
    },
  };
}

const copyOf = ({ dtype, dims, data }: Tensor): Tensor => tensor(dtype, dims, data.slice());

function wasmState(held: Map<string, Tensor>): RuntimeState {
  return {
    read: (names) => Promise.resolve(Object.fromEntries(names.map((name) => [name, copyOf(held.get(name) as Tensor)]))),
    write(tensors) {
      for (const [name, value] of Object.entries<Tensor>(tensors)) held.set(name, copyOf(value));
      return Promise.resolve();
    },
    dispose() {
      held.clear();
      return Promise.resolve();
    },
  };
}

function wasmSession(native: ort.InferenceSession, onDispose: () => void): Session {
  return {
    inputs: infos(native.inputMetadata),
    outputs: infos(native.outputMetadata),
    createCache: () => Promise.reject(new DynamoError("unsupported", "this runtime has no caches")),
    async run(feeds, fetches, attached) {
      const held = attached !== undefined && "state" in attached ? states.get(attached.state) : undefined;
      const replaced = native.outputNames.flatMap((output) => {
        const name = output.slice(0, -nextName("").length);
        return nextName(name) === output && held?.has(name) === true ? [name] : [];
      });
      const results = await native.run(nativeFeeds(native, feeds, held), [...fetches, ...replaced.map(nextName)]);
      for (const name of replaced) held?.set(name, fromNative(results[nextName(name)]));
      return Object.fromEntries(fetches.map((name) => [name, fromNative(results[name])]));
    },
    async dispose() {
      onDispose();
      await native.release();
    },
  };
}

function nativeFeeds(
  { inputNames }: ort.InferenceSession,
  feeds: Feeds,
  held: ReadonlyMap<string, Tensor> | undefined,
): Record<string, ort.Tensor> {
  return Object.fromEntries(
    inputNames.map((name) => {
      const value = feeds[name] ?? held?.get(name);
      if (value === undefined) throw new DynamoError("invalid-argument", `input ${name} is missing`);
      return [name, new ort.Tensor(value.dtype as ort.Tensor.Type, value.data as ort.Tensor.DataType, value.dims)];
    }),
  );
}

const fromNative = (value: ort.Tensor | undefined): Tensor => {
  if (value === undefined) throw new DynamoError("invalid-argument", "the graph lacks an output that was asked for");
  return copyOf(tensor(value.type as DType, value.dims, value.data as never));
};

const infos = (metadata: readonly ort.InferenceSession.ValueMetadata[]): TensorInfo[] =>
  metadata.flatMap((value) =>
    value.isTensor ? [{ name: value.name, dtype: value.type as DType, dims: value.shape }] : [],
  );
