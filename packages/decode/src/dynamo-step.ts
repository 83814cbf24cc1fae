/**
 * One decoding step: from the heads' candidates to the distribution of the tuple to emit, backing off from N tokens to 1
 * (paper, section 3.2, Algorithm 1).
 */
import { DynamoError, type Candidates, type Cooccurrence, type NgramMatches } from "@dynamo/core";
import { callback, checkOptions, checkValue, valueCheck, whole } from "@dynamo/core/options";
import { createAdaptiveThreshold } from "./adaptive-threshold.js";
import { power } from "./exponential.js";
import { chainJoint, conditionalHeads, type ConditionalHead } from "./conditional.js";
import { cellCount, emptyGrid, filter, peak, push, rankAlong, scale, sum, type SparseGrid } from "./grid.js";
import { headDistribution, type DistributionOptions, type HeadDistribution } from "./head-distribution.js";
import type { JointKind } from "./joint-kinds.js";
import { independentJoint, maskedJoint, weighJoint } from "./joint.js";
import { createRepetition } from "./repetition.js";
import { checkStep } from "./step-checks.js";

/** Each head's distribution, and what becomes of their joint. Temperature 0 takes the likeliest tuple. */
export interface StepOptions extends DistributionOptions {
  /** ε_b in [0, 1]: 0 always emits N tokens, 1 always one. */
  readonly backoff: number;
  /** α_c in [0, 1]: the co-occurrence weight's exponent; 0 is no mask at all. */
  readonly maskStrength: number;
  /**
   * `counts`: the product of the heads, weighted by the mask and normalised over all tuples (paper, Eq. 6). `learned`: the product of
   * each head's distribution behind the tokens before (conditional.ts), a joint as it stands, which the mask may weight besides; of
   * heads without conditional parts and counts the product of the heads. `chain`: no joint is built; tokens are drawn from these
   * distributions one after the other (chain.ts). Default `counts`.
   */
  readonly joint?: JointKind | undefined;
  readonly adaptive: boolean;
  readonly blur: boolean;
  readonly repetitionPenalty: number;
}

/** What a DynaMo step decided, before it samples. */
export interface StepDecision {
  /** Tokens in the tuple. */
  readonly order: number;
  /** What is left of the joint, not normalised; never empty. Valid until the next step. */
  readonly joint: SparseGrid;
  readonly heads: readonly HeadDistribution[];
  readonly trace: readonly OrderTrace[];
}

/** What happened at one order, for inspection. */
export interface OrderTrace {
  readonly order: number;
  /** ε_b^(order - 1): what the peak must exceed for the order to be settled at. */
  readonly threshold: number;
  /** ΣJ before it was normalised. */
  readonly mass: number;
  /** The largest value of the normalised joint, and after thresholds and penalty. */
  readonly peak: number;
  readonly peakAfter: number;
  /** Otsu's threshold, when there was one. */
  readonly otsu: number | undefined;
  /** Cells left. */
  readonly support: number;
}

/** What the joint of an order becomes, in this order; "masked" only with a mask, "adaptive" only with Otsu's threshold. */
export type StageName = "masked" | "thresholded" | "adaptive" | "penalised";

/** The joint after one stage of an order of two or more tokens. */
export interface JointStage {
  readonly order: number;
  readonly stage: StageName;
  /** Valid only during the call. */
  readonly joint: SparseGrid;
}

/** Options to look inside a step. */
export interface ObserveOptions {
  /** Sees the joint after every stage of every order tried, for inspection. The heads' product before them is not listed. */
  readonly observe?: ((stage: JointStage) => void) | undefined;
}

/** The heads of a step, and those from the second on as they know the tokens between, where the joint is made of these. */
interface Heads {
  readonly distributions: readonly HeadDistribution[];
  readonly others: readonly ConditionalHead[] | undefined;
}

interface Built extends Pick<OrderTrace, "mass" | "peak"> {
  /** Every cell of the grid is listed. */
  readonly whole: boolean;
}

/** One DynaMo decision over the heads' candidates. */
export type DynamoStep = (
  heads: readonly Candidates[],
  context: ArrayLike<number>,
  mask: Cooccurrence | undefined,
  options: StepOptions,
) => StepDecision;

/** Cells are 32-bit numbers. */
const maxCells = 2 ** 31 - 1;

/** A step with scratch of its own, reused from call to call: one for each sequence or thread of work. */
export function createDynamoStep(settings: ObserveOptions = {}): DynamoStep {
  const [observe, joint] = [observerOf(settings), emptyGrid()];
  const matches: NgramMatches = { cells: new Int32Array(1024), weights: new Float64Array(1024), length: 0 };
  const [cutAdaptively, repetition] = [createAdaptiveThreshold(), createRepetition()];
  const scratch: Float64Array[] = [];

  const distributions = (heads: readonly Candidates[], options: StepOptions): HeadDistribution[] =>
    heads.map((candidates, i) => {
      const { list, own } = axisOf(candidates, options);
      return headDistribution(list, own, (scratch[i] = roomFor(list, scratch[i])));
    });

  /** Steps 2 and 3: fills `joint` and normalises it. Cells below `threshold` may be left out already. */
  function build(
    { distributions: heads, others }: Heads,
    mask: Cooccurrence | undefined,
    options: StepOptions,
    threshold: number,
  ): Built {
    const isMasked = mask !== undefined && options.maskStrength > 0;
    if (others !== undefined) {
      // A weight may lift a cell above the threshold.
      chainJoint(heads[0] as HeadDistribution, others, isMasked ? 0 : threshold, joint);
      if (!isMasked) return { mass: 1, peak: peak(joint), whole: false };
    }
    if (isMasked) {
      const fill = others === undefined ? maskedJoint : weighJoint;
      fill(heads, mask, options.maskStrength, matches, joint);
      const mass = sum(joint);
      if (mass > 0) {
        scale(joint, 1 / mass);
        return { mass, peak: peak(joint), whole: false };
      }
      // The paper promises N tokens at ε_b = 0, so there the unmasked joint stands in for an empty one.
      if (options.backoff > 0) return { mass: 0, peak: 0, whole: false };
    }
    independentJoint(heads, threshold, joint);
    const largest = heads.reduce((product, { probabilities }) => product * (probabilities[0] as number), 1);
    return { mass: 1, peak: largest, whole: joint.length === cellCount(joint.shape) };
  }

  function tryOrder(
    all: Heads,
    order: number,
    mask: Cooccurrence | undefined,
    options: StepOptions,
  ): OrderTrace & { accepted: boolean } {
    const first = firstOf(all, order);
    const { distributions: heads } = first;
    checkCells(heads);
    const threshold = power(options.backoff, order - 1);
    const tell = (stage: StageName): void => observe?.({ order, stage, joint });
    const { mass, peak: before, whole } = build(first, mask, options, threshold);
    if (mask !== undefined && options.maskStrength > 0) tell("masked");
    let otsu: number | undefined;
    if (mass > 0) {
      filter(joint, (i) => (joint.values[i] as number) >= threshold);
      tell("thresholded");
      const keepSome = options.backoff === 0;
      if (options.adaptive) {
        otsu = cutAdaptively(joint, heads, { blur: options.blur, whole, keepSome });
        tell("adaptive");
      }
      repetition.apply(joint, heads, options.repetitionPenalty);
      tell("penalised");
    }
    const after = peak(joint);
    const accepted = after > threshold;
    return { order, threshold, mass, peak: before, peakAfter: after, otsu, support: joint.length, accepted };
  }

  return (candidates, context, mask, options) => {
    checkStep(candidates, context, mask, options);
    const heads = distributions(candidates, options);
    const all = { distributions: heads, others: othersOf(candidates, mask, options) };
    repetition.look(context, heads);
    const trace: OrderTrace[] = [];
    for (let order = heads.length; order > 1; order--) {
      const { accepted, ...seen } = tryOrder(all, order, mask, options);
      trace.push(seen);
      if (accepted) return { order, joint, heads, trace };
    }
    fillSingle(joint, heads[0] as HeadDistribution);
    repetition.apply(joint, heads, options.repetitionPenalty);
    return { order: 1, joint, heads, trace };
  };
}

const firstOf = ({ distributions, others }: Heads, order: number): Heads => ({
  distributions: distributions.slice(0, order),
  others: others?.slice(0, order - 1),
});

const roomFor = ({ ids }: Candidates, before: Float64Array = new Float64Array()): Float64Array =>
  before.length < ids.length ? new Float64Array(ids.length) : before;

/** Heads 2..N where the joint is made of what they say behind the tokens before. */
const othersOf = (
  heads: readonly Candidates[],
  counts: Cooccurrence | undefined,
  options: StepOptions,
): ConditionalHead[] | undefined =>
  options.joint === "learned" ? conditionalHeads(heads, { counts, options }) : undefined;

/** The tokens of an axis: of a head with a conditional part all that this may raise, whatever the options would leave of its own. */
function axisOf(candidates: Candidates, options: StepOptions): { list: Candidates; own: DistributionOptions } {
  const { conditional } = candidates;
  if (conditional === undefined || options.joint !== "learned") return { list: candidates, own: options };
  const list = { ...candidates, ids: conditional.ids, logits: conditional.logits };
  return { list, own: { temperature: options.temperature } };
}

function observerOf(settings: ObserveOptions): ObserveOptions["observe"] {
  checkOptions<ObserveOptions>("createDynamoStep()", settings, { observe: callback() });
  return settings.observe;
}

function checkCells(heads: readonly HeadDistribution[]): void {
  if (cellCount(heads.map(({ ids }) => ids.length)) <= maxCells) return;
  throw new DynamoError(
    "invalid-argument",
    `topK^${heads.length} must stay below 2^31: choose a smaller topK or fewer token heads`,
  );
}

/** Order 1: head 1's own distribution. */
function fillSingle(joint: SparseGrid, { ids, probabilities }: HeadDistribution): void {
  joint.shape = [ids.length];
  joint.length = 0;
  for (let rank = 0; rank < ids.length; rank++) push(joint, rank, probabilities[rank] as number);
}

const decisionCheck = valueCheck<StepDecision>("the decision of a step", (value) => {
  const { joint, heads } = value as StepDecision;
  return Array.isArray(joint.shape) && Array.isArray(heads) && joint.shape.length <= heads.length;
});

/** The tokens of a cell. */
export function tupleOf(decision: StepDecision, cell: number): number[] {
  checkValue("decision", decision, decisionCheck);
  const { joint, heads } = decision;
  const { shape } = joint;
  checkValue("cell", cell, whole(0, cellCount(shape) - 1));
  return shape.map((_, axis) => (heads[axis] as HeadDistribution).ids[rankAlong(shape, cell, axis)] as number);
}
