/** Native sessions on one device. It runs in the worker, and in the child process that probes a device. */
import { createHash } from "node:crypto";
import { DynamoError, type CacheLayout, type GraphSource } from "@dynamo/core";
import { InferenceSession, type Tensor } from "onnxruntime-node";
import { hostEngineCache, type EngineCache } from "./engine-cache.js";
import { createGpuCache } from "./gpu-cache.js";
import { copyGraph, editGraph } from "./gpu-graphs.js";
import { fromNative, sessionOptions, tensorInfos, toNative } from "./native.js";
import { engineError, loadError } from "./engine-errors.js";
import type { EngineSettings, SessionShape, WireTensor, WireTensors } from "./protocol.js";

export interface EngineSession {
  readonly shape: SessionShape;
  createCache(layout: CacheLayout): Promise<EngineCache>;
  run(feeds: WireTensors, fetches: readonly string[], append?: EngineAppend): Promise<WireTensors>;
  /** Its caches are disposed by whoever made them, before it. */
  dispose(): Promise<void>;
}

export interface EngineAppend {
  readonly cache: EngineCache;
  /** The output that holds the new keys and values. */
  readonly delta: string;
  readonly lengths: readonly number[];
  readonly newPositions: number;
}

/** Loads a graph. Outputs named in `deviceOutputs` stay in the GPU's memory, where there is one, unless fetched. */
export async function openSession(
  settings: EngineSettings,
  graph: GraphSource,
  deviceOutputs: readonly string[] = [],
): Promise<EngineSession> {
  const onGpu = settings.device === "webgpu";
  const options = sessionOptions(settings);
  const kept = onGpu ? deviceOutputs : [];
  const main = await load(
    graph,
    kept.length === 0 ? options : { ...options, preferredOutputLocation: gpuLocations(kept) },
  );
  const shape = { inputs: tensorInfos(main.inputMetadata), outputs: tensorInfos(main.outputMetadata) };
  const side = sideSessions(options);

  return {
    shape,
    async createCache(layout) {
      if (!onGpu) return hostEngineCache(layout);
      const append = await side.open(layout.appendGraph, "gpu-buffer");
      return createGpuCache(layout, { append, edit: await side.open(editGraph(layout), "gpu-buffer") });
    },
    async run(feeds, fetches, append) {
      append?.cache.check(append.lengths, append.newPositions);
      const inputs: Record<string, Tensor> = {};
      for (const [name, value] of Object.entries(feeds)) inputs[name] = toNative(value);
      if (append !== undefined) Object.assign(inputs, await append.cache.feeds(append.lengths.length));
      const wanted = append === undefined ? fetches : [...new Set([...fetches, append.delta])];
      if (wanted.length === 0) return {};
      // With outputs in GPU memory, onnxruntime-node 1.30 binds outputs and never unbinds them: a run that fetches fewer
      // than the one before fails or mixes them up. So such a session always fetches everything.
      const results = await (kept.length === 0 ? main.run(inputs, wanted) : main.run(inputs)).catch(engineError);
      try {
        if (append !== undefined) {
          await append.cache
            .append(results[append.delta] as Tensor, append.lengths, append.newPositions)
            .catch(engineError);
        }
        return await collect(results, fetches, side);
      } finally {
        for (const value of Object.values(results)) if (value.location !== "cpu") value.dispose();
      }
    },
    async dispose() {
      await side.dispose();
      await main.release();
    },
  };
}

interface SideSessions {
  /** The session of a small graph, opened once. */
  open(graph: Uint8Array, outputs: "cpu" | "gpu-buffer"): Promise<InferenceSession>;
  dispose(): Promise<void>;
}

function sideSessions(options: InferenceSession.SessionOptions): SideSessions {
  const opened = new Map<string, InferenceSession>();
  return {
    async open(graph, outputs) {
      const key = `${outputs} ${createHash("sha256").update(graph).digest("base64")}`;
      const session =
        opened.get(key) ?? (await load({ bytes: graph }, { ...options, preferredOutputLocation: outputs }));
      opened.set(key, session);
      return session;
    },
    async dispose() {
      for (const session of opened.values()) await session.release();
      opened.clear();
    },
  };
}

async function load(graph: GraphSource, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    if ("path" in graph) return await InferenceSession.create(graph.path, options);
    const { bytes, externalData = [] } = graph;
    const external = externalData.length === 0 ? {} : { externalData: [...externalData] };
    return await InferenceSession.create(bytes, { ...options, ...external });
  } catch (error) {
    throw loadError(error, "path" in graph ? graph.path : "the graph's bytes");
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
    collected[name] = fromNative(value.location === "cpu" ? value : await download(value, side), name);
  }
  return collected;
}

async function download(value: Tensor, side: SideSessions): Promise<Tensor> {
  // Never `value.getData()`: in onnxruntime-node 1.30 it ends the process ("not implemented", thrown through C).
  const copy = await side.open(copyGraph(value.type as WireTensor["dtype"], value.dims.length), "cpu");
  return (await copy.run({ value }).catch(engineError))["copy"] as Tensor;
}
