/** One token per pass from head 1: the base model's own decoding, and the baseline of every comparison. */
import type { Strategy } from "@dynamo/core";
import { checkOptions } from "@dynamo/core/options";
import { createDynamoStep, tupleOf } from "./dynamo-step.js";
import { generateOptions } from "./generate-checks.js";
import { resolve, samplingChecks, type SamplingOptions } from "./options.js";
import { choose } from "./sample.js";

/** Top-k sampling, or greedy decoding at temperature 0. Throws `invalid-argument` for options that it does not have, or out of range. */
export function autoregressive(options: SamplingOptions = {}): Strategy {
  checkOptions("autoregressive()", options, samplingChecks, generateOptions);
  const step = createDynamoStep();
  return {
    name: "autoregressive",
    lossless: true,
    heads: 1,
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    step({ positions, context, defaults, random }) {
      const resolved = resolve(options, defaults);
      const decision = step((positions[0] ?? []).slice(0, 1), context, undefined, resolved);
      const { cells, values, length } = decision.joint;
      return { tokens: tupleOf(decision, cells[choose(values, length, resolved.temperature, random)] as number) };
    },
  };
}
