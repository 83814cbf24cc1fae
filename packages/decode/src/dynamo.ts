/** DynaMo decoding: one to N tokens per pass from the joint distribution of all heads (paper, section 3.2). */
import type { Strategy } from "@dynamo/core";
import { checkOptions, flag, type OptionChecks } from "@dynamo/core/options";
import { drawChain } from "./chain.js";
import { createDynamoStep, tupleOf } from "./dynamo-step.js";
import type { JointKind } from "./joint-kinds.js";
import { generateOptions } from "./generate-checks.js";
import { jointCheck, resolve, samplingChecks, share, tokenHeads, type SamplingOptions } from "./options.js";
import { choose } from "./sample.js";

/** Options of `dynamo`. */
export interface DynamoOptions extends SamplingOptions {
  /**
   * ε_b, 0 to 1: 0 always emits N tokens, 1 always one. With `joint: "chain"` a token is drawn while its head is expected to agree with head
   * 1 by more than this. Default 0.5.
   */
  readonly backoff?: number | undefined;
  /** α_c, 0 to 1: how much the co-occurrence mask counts; 0 is no mask. Default 1, with `joint: "learned"` 0; a model without a mask has none. */
  readonly maskStrength?: number | undefined;
  /**
   * What the joint of several tokens is made of. `counts`, the paper's: the heads' product times the mask. `learned`: each head's
   * distribution behind the tokens before it, by the model's conditional parts, or smoothed counts where it has none. `chain`: tokens drawn one
   * after the other from those distributions, with no threshold, Otsu's or other. Default: the model's, or
   * `chain` for a model with conditional parts, else `counts`.
   */
  readonly joint?: JointKind | undefined;
  /** Otsu's threshold. Default true. */
  readonly adaptive?: boolean | undefined;
  /** Blur the joint before Otsu's threshold. Default true. */
  readonly blur?: boolean | undefined;
  /** Use the first heads only; default: all that the model has. */
  readonly tokenHeads?: number | undefined;
}

/** By option. */
export const dynamoChecks: OptionChecks<DynamoOptions> = {
  ...samplingChecks,
  backoff: share,
  maskStrength: share,
  joint: jointCheck,
  adaptive: flag,
  blur: flag,
  tokenHeads,
};

/** Throws `invalid-argument` for options that it does not have, or out of range. */
export function dynamo(options: DynamoOptions = {}): Strategy {
  checkOptions("dynamo()", options, dynamoChecks, generateOptions);
  const step = createDynamoStep();
  return {
    name: "dynamo",
    ...(options.tokenHeads === undefined ? {} : { heads: options.tokenHeads }),
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    step({ positions, context, cooccurrence, defaults, remaining, random }) {
      const started = performance.now();
      const hasParts = positions[0]?.[1]?.conditional !== undefined;
      const joint = options.joint ?? defaults.joint ?? (hasParts ? "chain" : "counts");
      const resolved = resolve({ ...options, joint }, defaults);
      // A tuple longer than what may still be emitted would be drawn only to be cut.
      const heads = (positions[0] ?? []).slice(0, remaining);
      if (resolved.joint === "chain") {
        const tokens = drawChain(heads, context, cooccurrence, resolved, random);
        return { tokens, order: tokens.length, jointSeconds: (performance.now() - started) / 1000 };
      }
      const decision = step(heads, context, cooccurrence, resolved);
      const jointSeconds = (performance.now() - started) / 1000;
      const { cells, values, length } = decision.joint;
      const cell = cells[choose(values, length, resolved.temperature, random)] as number;
      return { tokens: tupleOf(decision, cell), order: decision.order, jointSeconds, trace: decision.trace };
    },
  };
}
