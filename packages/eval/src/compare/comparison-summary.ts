/** What the jobs of a comparison say together: a row for the base and for each way, group by group. */
import { clusteredMean, meanEstimate, meanOf, ratioEstimate, type Estimate } from "../statistics/intervals.js";
import type { ComparisonResult, Group } from "./comparison-result.js";
import type { Way } from "./ways.js";
import type { WrittenGroup } from "./write-group.js";

/** One way of decoding in a comparison. */
export interface ComparisonRow {
  /** Null is the base: head 1, one token per pass. */
  readonly way: Way | null;
  readonly tokens: number;
  /** Of the model, its prompts' passes included; a draft model's are not counted. */
  readonly passes: number;
  readonly tokensPerPass: number;
  /** orders[n - 1]: passes that settled at order n; of strategies that draft, that emitted n tokens. */
  readonly orders: readonly number[];
  /** Computed from the graphs for the passes that were made, a draft model's included; null without a graph. */
  readonly flopsPerToken: number | null;
  /** Of flopsPerToken over the base's: 0.2 is 20 % more. */
  readonly flopsOverhead: number | null;
  /**
   * Wall-clock seconds per token of the base / of the way, measured in turns: the geometric mean over the prompts, 95 % by
   * Student's t on the logarithms. Null for the base, and where nothing was written.
   */
  readonly speedup: Estimate | null;
  /** Nats per token under the scorer: the mean over the prompts, 95 %. */
  readonly logLikelihood: Estimate | null;
  /** Of the same to the base's, prompt by prompt: below 0 the texts are less likely. Null for the base. */
  readonly difference: Estimate | null;
}

/** A comparison's rows, by model. */
export interface ComparisonSummary {
  readonly groups: readonly {
    readonly model: string;
    readonly draft: string | null;
    /** The base's first. */
    readonly rows: readonly ComparisonRow[];
  }[];
}

export async function summarizeComparison(
  results: AsyncIterable<ComparisonResult>,
  groups: readonly Group[],
): Promise<ComparisonSummary> {
  const written = groups.map(() => [] as (readonly WrittenGroup[])[]);
  for await (const { group, written: own } of results) written[group]?.push(own);
  return {
    groups: groups.map(({ model, draft, ways }, i) => ({
      model,
      draft: draft ?? null,
      rows: [null, ...ways].map((way, row) => rowOf(way, row, written[i] ?? [])),
    })),
  };
}

/** `prompts[p][row]` */
function rowOf(way: Way | null, row: number, prompts: readonly (readonly WrittenGroup[])[]): ComparisonRow {
  const pairs = prompts.flatMap((rows) => {
    const [base, own] = [rows[0], rows[row]];
    return base === undefined || own === undefined ? [] : [{ base, own }];
  });
  const own = totals(pairs.map((pair) => pair.own));
  const flopsPerToken = own.flops === null || own.tokens === 0 ? null : own.flops / own.tokens;
  const base = totals(pairs.map((pair) => pair.base));
  const baseFlops = base.flops === null || base.tokens === 0 ? null : base.flops / base.tokens;
  return {
    way,
    ...{ tokens: own.tokens, passes: own.passes, orders: own.orders },
    tokensPerPass: own.passes === 0 ? 0 : own.tokens / own.passes,
    flopsPerToken,
    flopsOverhead: flopsPerToken === null || baseFlops === null ? null : flopsPerToken / baseFlops - 1,
    speedup: way === null ? null : ratioEstimate(pairs.flatMap((pair) => speedupOf(pair.base, pair.own))),
    logLikelihood: clusteredMean(pairs.map((pair) => scoresOf(pair.own))),
    difference: way === null ? null : meanEstimate(pairs.flatMap((pair) => differenceOf(pair.base, pair.own))),
  };
}

interface Totals {
  readonly tokens: number;
  readonly passes: number;
  readonly orders: readonly number[];
  readonly flops: number | null;
}

function totals(all: readonly WrittenGroup[]): Totals {
  const texts = all.flatMap((group) => group.texts);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const most = Math.max(0, ...texts.map(({ orders }) => orders.length));
  const known = all.flatMap(({ flops }) => (flops === null ? [] : [flops]));
  return {
    tokens: sum(texts.map(({ tokens }) => tokens)),
    passes: sum(texts.map(({ passes }) => passes)),
    orders: Array.from({ length: most }, (_, i) => sum(texts.map(({ orders }) => orders[i] ?? 0))),
    flops: known.length === all.length ? sum(known) : null,
  };
}

const tokensOf = ({ texts }: WrittenGroup): number => texts.reduce((sum, { tokens }) => sum + tokens, 0);

/** None where one of the two wrote no token at all. */
function speedupOf(base: WrittenGroup, own: WrittenGroup): number[] {
  const [baseTokens, tokens] = [tokensOf(base), tokensOf(own)];
  if (baseTokens === 0 || tokens === 0 || own.seconds === 0) return [];
  return [base.seconds / baseTokens / (own.seconds / tokens)];
}

const scoresOf = ({ logLikelihoods }: WrittenGroup): number[] =>
  logLikelihoods.flatMap((score) => (score === null ? [] : [score]));

function differenceOf(base: WrittenGroup, own: WrittenGroup): number[] {
  const [before, after] = [scoresOf(base), scoresOf(own)];
  return before.length === 0 || after.length === 0 ? [] : [meanOf(after) - meanOf(before)];
}
