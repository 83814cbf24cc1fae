/** From windows' sums to perplexities with standard errors. */
import type { PerplexityResult } from "./result.js";
import type { MaskSums, WalkSums } from "./window-sums.js";

export interface Measured {
  readonly perplexity: number;
  /** Of the perplexity: windows are the sampling units (ratio estimator, delta method); null for one window. */
  readonly standardError: number | null;
}

export interface MaskedPerplexity {
  /** Share of the positions whose tuple has a probability in the masked joint. */
  readonly coverage: number;
  /** Over those positions: of the masked joint, and of the heads' product over the same candidates. */
  readonly masked: number | null;
  readonly product: number | null;
}

/** A perplexity over passes of several tokens, at one ε_b. */
export type WalkSummary = Measured & {
  readonly backoff: number;
  readonly tokensPerPass: number;
  /** Passes by order, index n - 1. */
  readonly orders: readonly number[];
};

/** Perplexities of each head and of all heads together. */
export interface PerplexitySummary {
  /**
   * "1", "2", … and "1:2", "1:3", …, as the paper writes them. Where heads know the tokens between, also "2|1", "3|1,2", … of head n
   * behind the true ones, and "chain:2", "chain:3", … of n tokens as the product of these, a distribution, per token.
   */
  readonly ppl: Readonly<Record<string, number>>;
  readonly standardErrors: Readonly<Record<string, number | null>>;
  /** Positions that each is a mean over. */
  readonly positions: Readonly<Record<string, number>>;
  /** "1:2", …: with the co-occurrence mask in the joint. */
  readonly masked?: Readonly<Record<string, MaskedPerplexity>>;
  /** PPL_d at each ε_b. */
  readonly walks?: readonly WalkSummary[];
  readonly windows: number;
}

/** Σ and Σ² over windows of what a mean and its error are made of. */
interface Ratio {
  nats: number;
  count: number;
  natsSquared: number;
  countSquared: number;
  product: number;
  units: number;
}

export async function summarizePerplexity(
  results: AsyncIterable<PerplexityResult>,
  backoffs: readonly number[],
): Promise<PerplexitySummary> {
  const ratios = new Map<string, Ratio>();
  const masks: MaskTotals[] = [];
  const walks = backoffs.map(() => ({ ratio: emptyRatio(), passes: 0, orders: [] as number[] }));
  let windows = 0;
  for await (const result of results) {
    for (const { heads, mask, walks: walked } of result.windows) {
      windows++;
      for (const [i, positions] of heads.positions.entries()) {
        const n = i + 1;
        addTo(ratios, String(n), heads.single[i] ?? 0, positions);
        // The joint's mean is over positions and over its n tokens.
        if (n > 1) addTo(ratios, `1:${n}`, heads.joint[i] ?? 0, n * positions);
        if (n === 1 || heads.conditional === undefined || heads.chain === undefined) continue;
        addTo(ratios, `${n}|${range(1, n).join(",")}`, heads.conditional[i] ?? 0, positions);
        addTo(ratios, `chain:${n}`, heads.chain[i] ?? 0, n * positions);
      }
      if (mask !== undefined) addMask(masks, mask);
      for (const [i, sums] of (walked ?? []).entries()) addWalk(walks[i], sums);
    }
  }
  const measured = [...ratios].map(([name, ratio]) => [name, measure(ratio)] as const);
  const each = <Value>(of: (value: Measured) => Value): Record<string, Value> =>
    Object.fromEntries(measured.map(([name, value]) => [name, of(value)]));
  return {
    ppl: each(({ perplexity }) => perplexity),
    standardErrors: each(({ standardError }) => standardError),
    positions: Object.fromEntries(
      [...ratios].map(([name, { count }]) => [name, count / Number(name.split(":")[1] ?? 1)]),
    ),
    ...(masks.length > 0
      ? { masked: Object.fromEntries(masks.map((totals, i) => [`1:${i + 2}`, maskedOf(totals, i + 2)])) }
      : {}),
    ...(walks.length > 0 ? { walks: walks.map((walk, i) => walkOf(walk, backoffs[i] ?? 0)) } : {}),
    windows,
  };
}

/** from, …, to - 1 */
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const emptyRatio = (): Ratio => ({ nats: 0, count: 0, natsSquared: 0, countSquared: 0, product: 0, units: 0 });

function addTo(ratios: Map<string, Ratio>, name: string, nats: number, count: number): void {
  const ratio = ratios.get(name) ?? emptyRatio();
  ratios.set(name, ratio);
  addUnit(ratio, nats, count);
}

function addUnit(ratio: Ratio, nats: number, count: number): void {
  if (count === 0) return;
  ratio.units++;
  ratio.nats += nats;
  ratio.count += count;
  ratio.natsSquared += nats * nats;
  ratio.countSquared += count * count;
  ratio.product += nats * count;
}

/** exp of the mean, and its error: the variance of a ratio of two sums over windows, times the derivative of exp. */
function measure({ nats, count, natsSquared, countSquared, product, units }: Ratio): Measured {
  const mean = nats / count;
  const perplexity = Math.exp(mean);
  if (units < 2) return { perplexity, standardError: null };
  const residuals = Math.max(0, natsSquared - 2 * mean * product + mean * mean * countSquared);
  return { perplexity, standardError: (perplexity * Math.sqrt((units / (units - 1)) * residuals)) / count };
}

interface MaskTotals {
  positions: number;
  covered: number;
  masked: number;
  product: number;
}

function addMask(totals: MaskTotals[], { positions, covered, masked, product }: MaskSums): void {
  for (const i of positions.keys()) {
    const own = (totals[i] ??= { positions: 0, covered: 0, masked: 0, product: 0 });
    own.positions += positions[i] ?? 0;
    own.covered += covered[i] ?? 0;
    own.masked += masked[i] ?? 0;
    own.product += product[i] ?? 0;
  }
}

function maskedOf({ positions, covered, masked, product }: MaskTotals, n: number): MaskedPerplexity {
  const perplexity = (nats: number): number | null => (covered === 0 ? null : Math.exp(nats / (n * covered)));
  return {
    coverage: positions === 0 ? 0 : covered / positions,
    masked: perplexity(masked),
    product: perplexity(product),
  };
}

interface WalkTotals {
  readonly ratio: Ratio;
  passes: number;
  readonly orders: number[];
}

function addWalk(totals: WalkTotals | undefined, { passes, tokens, nats, orders }: WalkSums): void {
  if (totals === undefined) return;
  addUnit(totals.ratio, nats, tokens);
  totals.passes += passes;
  for (const [i, count] of orders.entries()) totals.orders[i] = (totals.orders[i] ?? 0) + count;
}

const walkOf = ({ ratio, passes, orders }: WalkTotals, backoff: number): WalkSummary => ({
  backoff,
  ...measure(ratio),
  tokensPerPass: ratio.count / passes,
  orders: [...orders],
});
