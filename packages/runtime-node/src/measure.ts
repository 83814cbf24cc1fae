/** How long one decoding pass takes on a device, its cache's way there and back included. */
import { tensor } from "@dynamo/core";
import { measured, measureGraph, measureLayout, openSession, toNative, totalHeads } from "@dynamo/ort";
import { nodeBackend } from "./backend.js";
import type { EngineSettings } from "./settings.js";

/** Passes before the clock runs (shaders compile, memory is touched), and passes that count. */
const warmUp = 3;
const counted = 15;
/** Milliseconds after which no further pass is begun: a device this slow has lost. */
const patience = 2_000;

/** Milliseconds per pass, the median; runs in a process of its own. */
export async function measureDevice(settings: EngineSettings): Promise<number> {
  const layout = measureLayout();
  const backend = nodeBackend(settings);
  const session = await openSession(backend, { bytes: await measureGraph() }, [layout.delta]);
  const cache = await session.createCache(layout);
  try {
    const hidden = measured.heads * measured.headSize;
    const x = { dtype: "float32", dims: [1, 1, hidden], data: new Float32Array(hidden).fill(0.5) } as const;
    let length: number = measured.positions;
    // A prompt's worth of (zero) keys and values first, so that every pass reads a cache of realistic size.
    const prompt = [1, totalHeads(layout), length, measured.headSize];
    await cache.append(toNative(backend.ort, tensor("float32", prompt)), { lengths: [0], newPositions: length });
    const pass = async (): Promise<void> => {
      const append = { cache, delta: layout.delta, lengths: [length++], newPositions: 1 };
      await session.run({ x }, ["y"], { append });
    };
    const begun = performance.now();
    const times: number[] = [];
    for (let i = 0; i < warmUp + counted && (times.length === 0 || performance.now() - begun < patience); i++) {
      const start = performance.now();
      await pass();
      if (i >= warmUp || performance.now() - begun > patience) times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[times.length >> 1] as number;
  } finally {
    cache.dispose();
    await session.dispose();
  }
}
