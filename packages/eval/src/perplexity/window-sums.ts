/** What one window adds to the perplexities: sums of negative log-probabilities, and how many positions they are over. */
import type { Cooccurrence } from "@dynamo/core";
import { createDynamoStep, type DynamoStep, type StepOptions } from "@dynamo/decode";
import type { PositionScores } from "./head-scores.js";

/** Of heads n (index n - 1). */
export interface HeadSums {
  /** Positions whose n targets all exist. */
  readonly positions: readonly number[];
  /** Σ -log p(x_{t+n} | x_{1:t}) */
  readonly single: readonly number[];
  /** Σ -log p(x_{t+1:t+n} | x_{1:t}), the joint as the product of the heads. */
  readonly joint: readonly number[];
  /** Σ -log q(x_{t+n} | x_{1:t+n-1}) of head n behind the tokens between, n from 2; absent where there is none. */
  readonly conditional?: readonly number[];
  /** Σ -log p(x_{t+1:t+n} | x_{1:t}), by the chain rule a joint distribution as it stands. */
  readonly chain?: readonly number[];
}

export function headSums(scores: readonly PositionScores[], heads: number): HeadSums {
  const [positions, single, joint] = [zeros(heads), zeros(heads), zeros(heads)];
  const [behind, chain] = [zeros(heads), zeros(heads)];
  for (const { logProbabilities, conditional } of scores) {
    let [product, chained] = [0, 0];
    for (const [head, logProbability] of logProbabilities.entries()) {
      product -= logProbability;
      add(positions, head, 1);
      add(single, head, -logProbability);
      add(joint, head, product);
      const own = -(head === 0 ? logProbability : (conditional[head - 1] ?? NaN));
      chained += own;
      add(behind, head, own);
      add(chain, head, chained);
    }
  }
  const isConditional = scores.some(({ conditional }) => conditional.length > 0);
  return { positions, single, joint, ...(isConditional ? { conditional: behind, chain } : {}) };
}

/** Of joints of n tokens (index n - 2), over the heads' candidates. */
export interface MaskSums {
  /** Positions whose n targets exist. */
  readonly positions: readonly number[];
  /** Those of them whose tuple the masked joint holds: all heads have it among their candidates, the mask has seen it. */
  readonly covered: readonly number[];
  /** Over the covered ones: Σ -log of the masked joint, and of the heads' product over the same candidates. */
  readonly masked: readonly number[];
  readonly product: readonly number[];
}

const plain = { temperature: 1, backoff: 0, adaptive: false, blur: false, repetitionPenalty: 1 };

/** The joint that decoding begins with, normalised as decoding does (paper, Eq. 6), before any threshold. */
export function maskSums(
  scores: readonly PositionScores[],
  targetsOf: (position: number) => Int32Array,
  heads: number,
  mask: Cooccurrence,
  maskStrength: number,
): MaskSums {
  const sums = {
    positions: zeros(heads - 1),
    covered: zeros(heads - 1),
    masked: zeros(heads - 1),
    product: zeros(heads - 1),
  };
  const step = createDynamoStep();
  for (const [position, { logProbabilities, candidates }] of scores.entries()) {
    const targets = targetsOf(position);
    for (let order = 2; order <= logProbabilities.length; order++) {
      add(sums.positions, order - 2, 1);
      const options = { ...plain, maskStrength };
      const { joint, heads: own } = step(candidates.slice(0, order), [], mask, options);
      const ranks = own.map(({ ids }, head) => ids.indexOf(targets[head] as number));
      if (own.length < order || ranks.includes(-1)) continue;
      const cell = ranks.reduce((at, rank, head) => at * (own[head]?.ids.length ?? 0) + rank, 0);
      const value = joint.values[joint.cells.subarray(0, joint.length).indexOf(cell)];
      if (value === undefined || !(value > 0)) continue;
      add(sums.covered, order - 2, 1);
      add(sums.masked, order - 2, -Math.log(value));
      add(
        sums.product,
        order - 2,
        -ranks.reduce((sum, rank, head) => sum + Math.log(own[head]?.probabilities[rank] ?? 0), 0),
      );
    }
  }
  return sums;
}

/** One walk over a window: the decoding step chooses n at each place, and the walk goes on n tokens further. */
export interface WalkSums {
  readonly passes: number;
  readonly tokens: number;
  /** Σ -log p(x_{t+1:t+n} | x_{1:t}) over the walk's places, the joint as the product of the heads. */
  readonly nats: number;
  /** Passes by order, index n - 1. */
  readonly orders: readonly number[];
}

/** The paper's PPL_d at one ε_b. The walk begins anew in every window. */
export function walkSums(
  scores: readonly PositionScores[],
  contextOf: (position: number) => Int32Array,
  heads: number,
  mask: Cooccurrence | undefined,
  options: StepOptions,
  step: DynamoStep = createDynamoStep(),
): WalkSums {
  const orders = zeros(heads);
  let [passes, tokens, nats] = [0, 0, 0];
  for (let position = 0; position < scores.length;) {
    const { logProbabilities, candidates } = scores[position] as PositionScores;
    // Where the text ends, only so many tokens can be compared.
    const seen = candidates.slice(0, Math.max(1, logProbabilities.length));
    const { order } = step(seen, contextOf(position), mask, options);
    for (const logProbability of logProbabilities.slice(0, order)) nats -= logProbability;
    add(orders, order - 1, 1);
    passes++;
    tokens += order;
    position += order;
  }
  return { passes, tokens, nats, orders };
}

const zeros = (count: number): number[] => new Array<number>(Math.max(0, count)).fill(0);

function add(sums: number[], index: number, value: number): void {
  sums[index] = (sums[index] ?? 0) + value;
}
