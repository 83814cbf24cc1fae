/** The sweep over ε_b: what each value is worth in speed, and which orders the passes settle at (paper, Figures 5, 15b). */
import type { LanguageModel, Strategy } from "@dynamo/core";
import {
  autoregressive,
  dynamo,
  generate,
  type AdjustmentOptions,
  type DynamoOptions,
  type GenerationStatistics,
  type SamplingOptions,
} from "@dynamo/decode";
import { emptyTally, tokensPerPass, tokensPerSecond, type Tally } from "../passes/pass.js";

export interface SweepOptions {
  readonly prompts: readonly string[];
  readonly backoffs: readonly number[];
  /** Of both. */
  readonly sampling: SamplingOptions;
  /** Of both. Default: none. */
  readonly adjustments?: AdjustmentOptions;
  readonly dynamo: Pick<DynamoOptions, "maskStrength" | "adaptive" | "blur">;
  readonly length: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

export interface SweepPoint extends Tally {
  readonly backoff: number;
  /** Tokens per second against the base model's, of each prompt: both ran one after the other. */
  readonly ratios: readonly number[];
}

/** So far measured: each ε_b, and all runs of the base model, one token per pass, beside them. */
export interface Sweep {
  readonly base: Tally;
  readonly points: readonly SweepPoint[];
}

/** From 0 to 1 in steps of 1 / `steps`. */
export const backoffGrid = (steps: number): number[] => Array.from({ length: steps + 1 }, (_, i) => i / steps);

/**
 * Yields what was measured so far after each ε_b. A machine gets quicker and slower as it warms and as others use it: so
 * each text has one of the base model beside it, before and after it in turns, and counts by its ratio to that one.
 */
export async function* sweep(model: LanguageModel, options: SweepOptions): AsyncGenerator<Sweep, void> {
  const { sampling, adjustments, length: maxNewTokens, seed, signal } = options;
  const measure = async (prompt: string, strategy: Strategy): Promise<GenerationStatistics> =>
    (await generate(model, prompt, { ...adjustments, strategy, maxNewTokens, seed, signal })).statistics;
  // The first passes of a session are slow on any device: they count for nobody.
  await generate(model, options.prompts[0] ?? "", { maxNewTokens: 8, seed: 0, signal });
  let base = emptyTally;
  let points: readonly SweepPoint[] = [];
  let baseFirst = true;
  yield { base, points };
  for (const backoff of options.backoffs) {
    const strategies = [autoregressive(sampling), dynamo({ ...sampling, ...options.dynamo, backoff })] as const;
    let own = emptyTally;
    const ratios: number[] = [];
    for (const prompt of options.prompts) {
      const [ofBase, ofOwn] = await pair((strategy) => measure(prompt, strategy), strategies, baseFirst);
      base = addStatistics(base, ofBase);
      own = addStatistics(own, ofOwn);
      ratios.push(ofBase.tokensPerSecond === 0 ? 0 : ofOwn.tokensPerSecond / ofBase.tokensPerSecond);
      baseFirst = !baseFirst;
    }
    points = [...points, { backoff, ...own, ratios }];
    yield { base, points };
  }
}

/** Both one after the other; the answers in the order of `both`, whoever went first. */
async function pair<Item, Result>(
  run: (item: Item) => Promise<Result>,
  both: readonly [Item, Item],
  firstFirst: boolean,
): Promise<readonly [Result, Result]> {
  if (firstFirst) return [await run(both[0]), await run(both[1])];
  const second = await run(both[1]);
  return [await run(both[0]), second];
}

function addStatistics(tally: Tally, { tokens, passes, seconds, orders }: GenerationStatistics): Tally {
  const sum = { ...tally.orders };
  for (const [order, count] of Object.entries(orders)) sum[Number(order)] = (sum[Number(order)] ?? 0) + count;
  return {
    tokens: tally.tokens + tokens,
    passes: tally.passes + passes,
    seconds: tally.seconds + seconds.total,
    orders: sum,
  };
}

/** The median of the prompts' ratios, which one slow moment does not move; 0 where there is nothing to compare. */
export function speedUp({ ratios }: Pick<SweepPoint, "ratios">): number {
  const sorted = ratios.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}

export interface OrderShare {
  readonly backoff: number;
  readonly order: number;
  /** Of all passes at this ε_b. */
  readonly share: number;
}

/** Shares of the orders 1 to `highest`, zeros included: they sum to 1 at each ε_b. */
export function orderShares(points: readonly SweepPoint[], highest: number): OrderShare[] {
  return points.flatMap(({ backoff, orders, passes }) =>
    Array.from({ length: highest }, (_, i) => ({
      backoff,
      order: i + 1,
      share: passes === 0 ? 0 : (orders[i + 1] ?? 0) / passes,
    })),
  );
}

/** One row an ε_b; the base model's row has none. */
export function sweepRows({ base, points }: Sweep, highest: number): (string | number)[][] {
  const orders = Array.from({ length: highest }, (_, i) => i + 1);
  const head = [
    "strategy",
    "backoff",
    "tokens",
    "passes",
    "seconds",
    "tokens_per_pass",
    "tokens_per_second",
    "speed_up",
  ];
  const row = (strategy: string, backoff: number | string, tally: Tally, ratio: number): (string | number)[] => [
    strategy,
    backoff,
    tally.tokens,
    tally.passes,
    tally.seconds,
    tokensPerPass(tally),
    tokensPerSecond(tally),
    ratio,
    ...orders.map((order) => tally.orders[order] ?? 0),
  ];
  return [
    [...head, ...orders.map((order) => `passes_of_order_${order}`)],
    row("autoregressive", "", base, 1),
    ...points.map((point) => row("dynamo", point.backoff, point, speedUp(point))),
  ];
}
