/** One forward pass through the worker, the cache's upkeep included: by context, dtype, heads and tokens fed. */
import { loadModel, type ModelDType, type PresetName } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { BenchOptions, BenchResult } from "./bench.js";
import { randomModel } from "./random-model.js";
import { median, quantile, round } from "./statistics.js";

/** `positions`: how many of the fed tokens' logits are wanted; all of them is what verified decoding asks for. */
const kinds = [
  { name: "1 head, 1 token", heads: 1, fed: 1, positions: 1 },
  { name: "3 heads, 1 token", heads: 3, fed: 1, positions: 1 },
  { name: "3 heads, 3 tokens", heads: 3, fed: 3, positions: 1 },
  { name: "3 heads, 3 tokens, 3 positions", heads: 3, fed: 3, positions: 3 },
] as const;

const token = 17;

export async function benchModelStep({ quick }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  for (const preset of quick ? (["14M"] as const) : (["70M", "160M"] as const)) {
    for (const dtype of ["fp32", "q4"] as const) rows.push(...(await measure(preset, dtype, quick)));
  }
  return { name: "model-step", rows };
}

async function measure(preset: PresetName, dtype: ModelDType, quick: boolean): Promise<BenchResult["rows"][number][]> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const model = await loadModel(runtime, await randomModel(preset, 3, dtype));
  const rows: BenchResult["rows"][number][] = [];
  let shortest = new Map<string, number>();
  try {
    for (const context of quick ? [64] : [64, 512, 1500]) {
      const cache = await model.createCache({ rows: 1 });
      await model.forward(cache, [{ tokens: new Int32Array(context).fill(token) }], { heads: 3, topK: 1 });
      const times = kinds.map((): number[] => []);
      // In turn, so that a busy spell of the machine falls on all of them.
      for (let round_ = 0; round_ < (quick ? 5 : 80); round_++) {
        for (const [i, { heads, fed, positions }] of kinds.entries()) {
          const tokens = new Int32Array(fed).fill(token);
          const start = performance.now();
          await model.forward(cache, [{ tokens, positions }], { heads, topK: 50 });
          const elapsed = performance.now() - start;
          if (round_ >= 3) times[i]?.push(elapsed);
          cache.truncate(0, context);
        }
      }
      await cache.dispose();
      const medians = new Map(kinds.map(({ name }, i) => [name, median(times[i] ?? [])]));
      if (shortest.size === 0) shortest = medians;
      for (const [i, { name }] of kinds.entries()) {
        const own = medians.get(name) ?? NaN;
        rows.push({
          model: preset,
          dtype,
          context,
          pass: name,
          "median ms": round(own),
          "p10 ms": round(quantile(times[i] ?? [], 0.1)),
          "× one head, one token": round(own / (medians.get(kinds[0].name) ?? NaN)),
          "× shortest context": round(own / (shortest.get(name) ?? NaN)),
        });
      }
    }
    return rows;
  } finally {
    await model.dispose();
    await runtime.dispose();
  }
}
