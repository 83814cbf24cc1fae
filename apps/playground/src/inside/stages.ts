/** One recorded step, decided anew under any options, with the joint after every stage. No forward pass is needed. */
import type { Candidates, Cooccurrence } from "@dynamo/core";
import {
  choose,
  createDynamoStep,
  tupleOf,
  type HeadDistribution,
  type OrderTrace,
  type SparseGrid,
  type StageName,
  type StepOptions,
} from "@dynamo/decode";

/** The joint that an order begins with is the heads' product, which needs no list of cells. */
export type ViewedStage = "independent" | StageName;

export const stageLabels: Readonly<Record<ViewedStage, string>> = {
  independent: "Independent product",
  masked: "Co-occurrence mask",
  thresholded: "Static threshold",
  adaptive: "Blur + Otsu",
  penalised: "Repetition",
};

export interface InsideStep {
  readonly heads: readonly HeadDistribution[];
  /** The order settled at, and the tuple that the same random numbers choose. */
  readonly order: number;
  readonly tuple: readonly number[];
  /** Orders tried, the highest first, the last one the one settled at unless that is 1. */
  readonly trace: readonly OrderTrace[];
  /** stages.get(order): copies of its joints, in their order, without "independent". */
  readonly stages: ReadonlyMap<number, readonly { readonly stage: StageName; readonly joint: SparseGrid }[]>;
}

export interface InsideInput {
  readonly candidates: readonly Candidates[];
  readonly context: ArrayLike<number>;
  readonly draws: readonly number[];
  readonly mask: Cooccurrence | undefined;
}

export function insideStep({ candidates, context, draws, mask }: InsideInput, options: StepOptions): InsideStep {
  const stages = new Map<number, { stage: StageName; joint: SparseGrid }[]>();
  const step = createDynamoStep({
    observe({ order, stage, joint }) {
      const own = stages.get(order) ?? [];
      own.push({ stage, joint: copyOf(joint) });
      stages.set(order, own);
    },
  });
  const decision = step(candidates, context, mask, options);
  const { cells, values, length } = decision.joint;
  // A step of another strategy may have drawn nothing: then the likeliest is shown.
  const [draw] = draws;
  const temperature = draw === undefined ? 0 : options.temperature;
  const cell = cells[choose(values, length, temperature, () => draw ?? 0)] as number;
  return {
    heads: decision.heads,
    order: decision.order,
    tuple: tupleOf(decision, cell),
    trace: decision.trace,
    stages,
  };
}

function copyOf({ shape, cells, values, length }: SparseGrid): SparseGrid {
  return { shape, cells: cells.slice(0, length), values: values.slice(0, length), length };
}

export interface TupleRow {
  readonly tokens: readonly number[];
  readonly product: number;
  /** After each of the order's stages; 0 once a stage has taken the tuple away. */
  readonly values: readonly number[];
}

/** The `count` likeliest tuples of an order's first listed stage, with the chosen one where it is not among them. */
export function tupleRows(
  { heads, stages, order: settled, tuple }: InsideStep,
  order: number,
  count: number,
): TupleRow[] {
  const own = stages.get(order) ?? [];
  const first = own[0]?.joint;
  if (first === undefined) return [];
  const byCell = own.map(({ joint }) => new Map(Array.from(joint.cells, (cell, i) => [cell, joint.values[i] ?? 0])));
  const ranked = Array.from(first.cells, (cell, i) => ({ cell, value: first.values[i] ?? 0 }));
  const top = ranked.sort((a, b) => b.value - a.value || a.cell - b.cell).map(({ cell }) => cell);
  const tokensOf = (cell: number): number[] => tupleOf({ order, joint: first, heads, trace: [] }, cell);
  const shown = top.slice(0, count);
  const chosen =
    settled === order ? top.slice(count).find((cell) => tokensOf(cell).join() === tuple.join()) : undefined;
  return [...shown, ...(chosen === undefined ? [] : [chosen])].map((cell) => {
    const tokens = tokensOf(cell);
    const product = tokens.reduce((value, token, i) => {
      const head = heads[i] as HeadDistribution;
      return value * (head.probabilities[head.ids.indexOf(token)] ?? 0);
    }, 1);
    return { tokens, product, values: byCell.map((values) => values.get(cell) ?? 0) };
  });
}
