/** The decoding step's own work: k = 50, N = 3, the embedded model's mask, against the dense formulation. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeMask } from "@dynamo/cooccurrence";
import type { Candidates, Cooccurrence } from "@dynamo/core";
import { createDynamoStep, createRandom, headDistribution, type StepOptions } from "@dynamo/decode";
import { modelPath } from "@dynamo/stories";
import type { BenchOptions, BenchResult } from "./bench.js";
import { median, quantile, round } from "./statistics.js";

const topK = 50;
const tokenHeads = 3;
const base: StepOptions = {
  temperature: 0.7,
  backoff: 0.5,
  maskStrength: 1,
  adaptive: true,
  blur: true,
  repetitionPenalty: 1.1,
};

const settings: readonly { readonly name: string; readonly options: StepOptions }[] = [
  { name: "defaults", options: base },
  { name: "back-off 0.1", options: { ...base, backoff: 0.1 } },
  { name: "back-off 0", options: { ...base, backoff: 0 } },
  { name: "without blur", options: { ...base, blur: false } },
  { name: "without Otsu", options: { ...base, adaptive: false } },
  { name: "half mask", options: { ...base, maskStrength: 0.5 } },
  { name: "no mask", options: { ...base, maskStrength: 0 } },
];

export async function benchDecodeStep({ quick }: BenchOptions): Promise<BenchResult> {
  const mask = decodeMask(new Uint8Array(await readFile(join(modelPath, "cooccurrence.safetensors"))));
  const steps = quick ? 200 : 5000;
  const inputs = Array.from({ length: 256 }, (_, seed) => headsOf(mask, seed));
  const context = Int32Array.from({ length: 1000 }, (_, i) => (i * 31) % mask.vocabularySize);
  const dense = timeEach(quick ? 5 : 40, (i) => denseJoint(inputs[i % inputs.length] ?? [], mask));
  const rows = settings.map(({ name, options }) => {
    const step = createDynamoStep();
    const run = (i: number): unknown => step(inputs[i % inputs.length] ?? [], context, mask, options);
    timeEach(steps / 10, run);
    const before = process.memoryUsage().heapUsed;
    const times = timeEach(steps, run);
    const bytes = Math.max(0, process.memoryUsage().heapUsed - before) / steps;
    return {
      setting: name,
      "median ms": round(median(times)),
      "p99 ms": round(quantile(times, 0.99)),
      "dense joint ÷ median": round(median(dense) / median(times)),
      "heap bytes a step": Math.round(bytes),
    };
  });
  return { name: "decode-step", rows };
}

function timeEach(count: number, run: (i: number) => unknown): number[] {
  return Array.from({ length: Math.ceil(count) }, (_, i) => {
    const start = performance.now();
    run(i);
    return performance.now() - start;
  });
}

/** Candidates as a model gives them: common followers of a common token, peaked as trained heads are. */
function headsOf(mask: Cooccurrence & { count(ngram: ArrayLike<number>): number }, seed: number): Candidates[] {
  const random = createRandom(seed);
  const byCount = Array.from({ length: mask.vocabularySize }, (_, id) => id).sort(
    (a, b) => mask.count([b]) - mask.count([a]),
  );
  return Array.from({ length: tokenHeads }, (_, head) => {
    const ids = new Set<number>();
    while (ids.size < topK) ids.add(byCount[Math.floor(300 * random() ** 2)] ?? 0);
    const logits = Float32Array.from(
      { length: topK },
      (_, rank) => (-(4 - head) * Math.log(rank + 1)) / 2 + 0.2 * random(),
    )
      .sort()
      .reverse();
    return { ids: Int32Array.from(ids), logits, logSumExp: 0 };
  });
}

/** The baseline: every cell of the grid, one look-up each. */
function denseJoint(heads: readonly Candidates[], mask: Cooccurrence): Float64Array {
  const [a, b, c] = heads.map((head) => headDistribution(head, base));
  const joint = new Float64Array(topK ** tokenHeads);
  if (a === undefined || b === undefined || c === undefined) return joint;
  let cell = 0;
  for (let i = 0; i < topK; i++) {
    for (let j = 0; j < topK; j++) {
      for (let k = 0; k < topK; k++) {
        const weight = mask.weight([a.ids[i] ?? 0, b.ids[j] ?? 0, c.ids[k] ?? 0]);
        joint[cell++] = (a.probabilities[i] ?? 0) * (b.probabilities[j] ?? 0) * (c.probabilities[k] ?? 0) * weight;
      }
    }
  }
  return joint;
}
