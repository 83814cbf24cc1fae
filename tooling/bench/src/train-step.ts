/** A full training step: tokens a second, against PyTorch's, and against plain matrix products of the same shapes. */
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { Trainer } from "@dynamo/train";
import type { BenchOptions, BenchResult } from "./bench.js";
import { operationsOf, plainProducts, stepProducts } from "./matrix-products.js";
import { median, round } from "./statistics.js";
import { torchMissing, torchPeer } from "./torch-peer.js";
import { cases, randomRows, smallCase, threads, tokensOf, trainerOf, type TrainingCase } from "./training-case.js";
import { shapesOf } from "./training-shapes.js";

/** Steps of one turn: long enough that the engines' threads have settled after the change. */
const stepsOfTurn = 3;
const rates = { base: 1e-4, heads: 1e-3 };

export async function benchTrainStep({ quick }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  for (const own of quick ? [smallCase] : cases) rows.push(await measure(own, quick ? 1 : 6));
  return { name: "train-step", rows };
}

async function measure(own: TrainingCase, turns: number): Promise<BenchResult["rows"][number]> {
  const runtime = createNodeRuntime({ device: "cpu", threads });
  const trainer = await trainerOf(runtime, own, shapesOf(own));
  const torch = torchPeer(own);
  const products = stepProducts(own);
  const plain = await plainProducts(products);
  const times = { step: [] as number[], torch: [] as number[], plain: [] as number[] };
  let version: string | undefined;
  try {
    await turn(trainer, own, 1);
    await torch?.steps(2);
    // Its memory is taken from the system in the first run, page by page.
    await plain.run();
    // In turn, so that a busy spell of the machine falls on all of them; the first step of a turn only wakes threads.
    for (let i = 0; i < turns; i++) {
      times.step.push(...(await turn(trainer, own, stepsOfTurn + 1)).slice(1));
      const answer = await torch?.steps(stepsOfTurn + 1);
      version = answer?.version;
      times.torch.push(...(answer?.seconds.slice(1) ?? []));
      times.plain.push(await plain.run());
    }
  } finally {
    await plain.dispose();
    await torch?.close();
    await trainer.dispose();
    await runtime.dispose();
  }
  return row(own, { ...times, version }, operationsOf(products) / 1e9);
}

async function turn(trainer: Trainer, own: TrainingCase, count: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    await trainer.step([randomRows(own)], i, rates);
    seconds.push((performance.now() - begun) / 1000);
  }
  return seconds;
}

interface Times extends Readonly<Record<"step" | "torch" | "plain", readonly number[]>> {
  /** torch's. */
  readonly version: string | undefined;
}

function row(own: TrainingCase, times: Times, gigaOperations: number): BenchResult["rows"][number] {
  const [step, torch, plain] = [median(times.step), median(times.torch), median(times.plain)];
  const least = (values: readonly number[]): number => Math.min(...values);
  const tokens = tokensOf(own);
  return {
    model: own.name,
    layers: own.layers,
    vocabulary: own.vocabulary,
    "tokens a step": tokens,
    threads,
    "tokens/s": Math.round(tokens / step),
    ...(times.version === undefined
      ? { "torch tokens/s": torchMissing }
      : {
          torch: times.version,
          "torch tokens/s": Math.round(tokens / torch),
          "÷ torch": round(torch / step),
          "÷ torch, best of each": round(least(times.torch) / least(times.step)),
        }),
    "GFLOP/s": round(gigaOperations / step),
    "plain MatMul GFLOP/s": round(gigaOperations / plain),
    "% of plain MatMul": round((100 * plain) / step),
    "%, best of each": round((100 * least(times.plain)) / least(times.step)),
  };
}
