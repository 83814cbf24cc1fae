/** What conditional parts cost beside a pass: their product in the graph, and what a step asks about in TypeScript. */
import type { Candidates } from "@dynamo/core";
import { loadModel, type LoadedModel, type PresetName } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { BenchOptions, BenchResult } from "./bench.js";
import { randomModel } from "./random-model.js";
import { median, round } from "./statistics.js";

const tokenHeads = 3;
const dtype = "q8";
const parts = { pairs: 64, between: 192 };
const context = 128;

export async function benchConditional({ quick }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  for (const preset of quick ? (["14M"] as const) : (["70M", "160M", "410M"] as const))
    rows.push(await measure(preset, quick ? 8 : 100));
  return { name: "conditional", rows };
}

async function measure(preset: PresetName, rounds: number): Promise<BenchResult["rows"][number]> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const without = await loadModel(runtime, await randomModel(preset, tokenHeads, dtype));
  const having = await loadModel(runtime, await randomModel(preset, tokenHeads, dtype, parts));
  try {
    const [plain, own] = [await passOf(without), await passOf(having)];
    const times = { plain: [] as number[], own: [] as number[], fresh: [] as number[], known: [] as number[] };
    for (let i = 0; i < rounds; i++) {
      times.plain.push((await plain()).milliseconds);
      const { milliseconds, heads } = await own();
      times.own.push(milliseconds);
      // Two tokens that no step has asked about, and then the same again.
      const between = [(2 * i) % having.info.vocabularySize, (2 * i + 1) % having.info.vocabularySize];
      times.fresh.push(ask(heads, between));
      times.known.push(ask(heads, between));
    }
    const [pass, graph] = [median(times.plain), median(times.own) - median(times.plain)];
    const [fresh, known] = [median(times.fresh), median(times.known)];
    return {
      ...{ model: preset, dtype, parts: `pairs:${parts.pairs},between:${parts.between}` },
      "pass without parts ms": round(pass),
      "in the graph ms": round(graph),
      "asked, new tokens ms": round(fresh),
      "asked, known tokens ms": round(known),
      "share of a pass, new": round((graph + fresh) / pass),
      "share of a pass, known": round((graph + known) / pass),
    };
  } finally {
    await without.dispose();
    await having.dispose();
    await runtime.dispose();
  }
}

/** One token behind a context, all heads: what a step of `dynamo` runs. */
async function passOf(model: LoadedModel) {
  const cache = await model.createCache({ rows: 1, maxLength: context + 1 });
  await model.forward(cache, [{ tokens: new Int32Array(context).fill(17) }], { heads: 1, topK: 1 });
  return async (): Promise<{ milliseconds: number; heads: readonly Candidates[] }> => {
    const start = performance.now();
    const { candidates } = await model.forward(cache, [{ tokens: [17] }], { heads: tokenHeads, topK: 20 });
    const milliseconds = performance.now() - start;
    cache.truncate(0, context);
    return { milliseconds, heads: candidates[0]?.[0] ?? [] };
  };
}

/** Head 2 behind one token and head 3 behind two, over their candidates, in milliseconds. */
function ask([, ...others]: readonly Candidates[], between: readonly number[]): number {
  const start = performance.now();
  for (const [i, { conditional }] of others.entries())
    conditional?.addBehind(between.slice(0, i + 1), conditional.ids, Float64Array.from(conditional.logits));
  return performance.now() - start;
}
