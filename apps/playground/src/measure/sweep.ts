/** The sweep over ε_b: what each value is worth in speed, and which orders the passes settle at (paper, Figures 5, 15b). */
import type { LanguageModel } from "@dynamo/core";
import { autoregressive, dynamo, generate, type DynamoOptions, type GenerationStatistics } from "@dynamo/decode";
import { emptyTally, tokensPerPass, tokensPerSecond, type Tally } from "../passes/pass.js";

export interface SweepOptions extends Pick<DynamoOptions, "temperature" | "topK" | "repetitionPenalty"> {
  readonly prompts: readonly string[];
  readonly backoffs: readonly number[];
  readonly dynamo: Pick<DynamoOptions, "maskStrength" | "adaptive" | "blur">;
  readonly length: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

export interface SweepPoint extends Tally {
  readonly backoff: number;
}

/** So far measured: the base model, one token a pass, on the same prompts, and each ε_b. */
export interface Sweep {
  readonly base: Tally;
  readonly points: readonly SweepPoint[];
}

/** From 0 to 1 in steps of 1 / `steps`. */
export const backoffGrid = (steps: number): number[] => Array.from({ length: steps + 1 }, (_, i) => i / steps);

/** Yields what was measured so far after each ε_b. */
export async function* sweep(model: LanguageModel, options: SweepOptions): AsyncGenerator<Sweep, void> {
  const { temperature, topK, repetitionPenalty } = options;
  const sampling = { temperature, topK, repetitionPenalty };
  const measure = async (strategy: ReturnType<typeof dynamo>): Promise<Tally> => {
    let tally = emptyTally;
    for (const prompt of options.prompts) {
      const { length: maxNewTokens, seed, signal } = options;
      const { statistics } = await generate(model, prompt, { strategy, maxNewTokens, seed, signal });
      tally = addStatistics(tally, statistics);
    }
    return tally;
  };
  // The first passes of a session are slow on any device: they count for nobody.
  await generate(model, options.prompts[0] ?? "", { maxNewTokens: 8, seed: 0, signal: options.signal });
  const base = await measure(autoregressive(sampling));
  let points: readonly SweepPoint[] = [];
  yield { base, points };
  for (const backoff of options.backoffs) {
    const tally = await measure(dynamo({ ...sampling, ...options.dynamo, backoff }));
    points = [...points, { backoff, ...tally }];
    yield { base, points };
  }
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

/** Tokens a second against the base's; 0 where there is nothing to compare. */
export function speedUp(tally: Tally, base: Tally): number {
  const baseline = tokensPerSecond(base);
  return baseline === 0 ? 0 : tokensPerSecond(tally) / baseline;
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
  const row = (strategy: string, backoff: number | string, tally: Tally): (string | number)[] => [
    strategy,
    backoff,
    tally.tokens,
    tally.passes,
    tally.seconds,
    tokensPerPass(tally),
    tokensPerSecond(tally),
    speedUp(tally, base),
    ...orders.map((order) => tally.orders[order] ?? 0),
  ];
  return [
    [...head, ...orders.map((order) => `passes_of_order_${order}`)],
    row("autoregressive", "", base),
    ...points.map((point) => row("dynamo", point.backoff, point)),
  ];
}
