/** One token a pass from head 1: the base model's own decoding, and the baseline of every comparison. */
import type { Strategy } from "@dynamo/core";
import { createDynamoStep, tupleOf } from "./dynamo-step.js";
import { checkSampling, resolve, type SamplingOptions } from "./options.js";
import { choose } from "./sample.js";

/** Top-k sampling, or greedy decoding at temperature 0. Throws `invalid-argument` for options out of range. */
export function autoregressive(options: SamplingOptions = {}): Strategy {
  checkSampling(options);
  const step = createDynamoStep();
  return {
    name: "autoregressive",
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
