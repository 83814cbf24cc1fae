/** Sessions of ONNX Runtime on one device: what runs in an inference worker. */
import { DynamoError, nextName, type CacheLayout, type GraphSource } from "@dynamo/core";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { Appended } from "../cache/cache-layout.js";
import type { Backend, SideSessions, WorkerCache } from "./backend.js";
import { hostWorkerCache } from "../cache/worker-cache.js";
import type { HeldState } from "./held-state.js";
import { fromNative, tensorInfos, toNative } from "./native.js";
import { passError, loadError } from "./errors.js";
import type { SessionShape, WireTensor, WireTensors } from "../wire/messages.js";
import { sideSessions } from "./side-sessions.js";

/** A session in the worker. */
export interface OrtSession {
  readonly shape: SessionShape;
  createCache(layout: CacheLayout): Promise<WorkerCache>;
  run(feeds: WireTensors, fetches: readonly string[], attached?: OrtAttached): Promise<WireTensors>;
  /** Its caches are disposed by whoever made them, before it. */
  dispose(): Promise<void>;
}

/** A pass's cache, and what it gets. */
export interface OrtAppend extends Appended {
  readonly cache: WorkerCache;
  /** The output that holds the new keys and values. */
  readonly delta: string;
}

/** A cache that the pass reads and is appended to, or a state that it reads and replaces. */
export interface OrtAttached {
  readonly append?: OrtAppend;
  readonly state?: HeldState;
}

/** Loads a graph. Outputs named in `deviceOutputs` stay in the GPU's memory, where there is one, unless fetched. */
export async function openSession(
  backend: Backend,
  graph: GraphSource,
  deviceOutputs: readonly string[] = [],
): Promise<OrtSession> {
  const { ort, gpu, options } = backend;
  const kept = gpu === undefined ? [] : deviceOutputs;
  const main = await load(
    backend,
    graph,
    kept.length === 0 ? options : { ...options, preferredOutputLocation: gpuLocations(kept) },
  );
  const shape = { inputs: tensorInfos(main.inputMetadata), outputs: tensorInfos(main.outputMetadata) };
  const side = sideSessions(backend);

  return {
    shape,
    async createCache(layout) {
      return gpu === undefined ? hostWorkerCache(ort, layout) : gpu.createCache(layout, side);
    },
    async run(feeds, fetches, { append, state } = {}) {
      append?.cache.check(append);
      const inputs: Record<string, Tensor> = {};
      for (const [name, value] of Object.entries(feeds)) inputs[name] = toNative(ort, value);
      for (const { name } of shape.inputs) if (state?.has(name) === true) inputs[name] = state.tensor(name);
      if (append !== undefined) Object.assign(inputs, await append.cache.feeds(append.lengths.length));
      const replaced = shape.outputs.flatMap(({ name }) => replacedName(name, state) ?? []);
      const wanted = [
        ...new Set([...fetches, ...(append === undefined ? [] : [append.delta]), ...replaced.map(nextName)]),
      ];
      if (wanted.length === 0) return {};
      if (state?.inPlace === true) {
        const places = wanted.map((name) => [name, null] as [string, Tensor | null]);
        const own = replaced.map((name) => [nextName(name), state.tensor(name)] as [string, Tensor | null]);
        const results = await main.run(inputs, Object.fromEntries([...places, ...own])).catch(passError);
        return await collect(results, fetches, side);
      }
      const everything = kept.length > 0 && backend.fetchesAll;
      const results = await (everything ? main.run(inputs) : main.run(inputs, wanted)).catch(passError);
      try {
        if (append !== undefined) await append.cache.append(results[append.delta] as Tensor, append).catch(passError);
        for (const name of replaced) state?.replace(name, results[nextName(name)] as Tensor);
        return await collect(results, fetches, side);
      } finally {
        const kept = new Set(replaced.map(nextName));
        for (const [name, value] of Object.entries(results))
          if (value.location !== "cpu" && !kept.has(name)) value.dispose();
      }
    },
    async dispose() {
      await side.dispose();
      await main.release();
    },
  };
}

async function load(
  { ort: { InferenceSession: factory }, bytesOptions }: Backend,
  graph: GraphSource,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    if ("path" in graph) return await factory.create(graph.path, options);
    const { bytes, externalData = [] } = graph;
    const external = externalData.length === 0 ? {} : { externalData: [...externalData] };
    return await factory.create(bytes, { ...options, ...bytesOptions, ...external });
  } catch (error) {
    throw loadError(error, "path" in graph ? graph.path : "this file");
  }
}

function gpuLocations(names: readonly string[]): Record<string, "gpu-buffer"> {
  return Object.fromEntries(names.map((name) => [name, "gpu-buffer"]));
}

async function collect(
  results: InferenceSession.OnnxValueMapType,
  fetches: readonly string[],
  side: SideSessions,
): Promise<Record<string, WireTensor>> {
  const collected: Record<string, WireTensor> = {};
  for (const name of fetches) {
    const value = results[name];
    if (value === undefined) throw new DynamoError("invalid-argument", `the graph has no output ${name}`);
    collected[name] = fromNative(value.location === "cpu" ? value : await side.copy(value, "cpu"), name);
  }
  return collected;
}

/** The state's tensor that an output replaces. */
function replacedName(output: string, state: HeldState | undefined): string | undefined {
  const name = output.endsWith(nextName("")) ? output.slice(0, -nextName("").length) : undefined;
  return name !== undefined && state?.has(name) === true ? name : undefined;
}
