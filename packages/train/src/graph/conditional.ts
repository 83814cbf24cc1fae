/** Conditional parts of heads 2..N, on the true tokens between (@dynamo/model: architectures/conditional.ts has the formula). */
import { architectureOf, conditionalPrefix, embeddingEpsilon, tokenTensor } from "@dynamo/model";
import type { Value } from "@dynamo/onnx";
import { linear, normaliseRms, silu } from "../autodiff/composites.js";
import { gatherRows, multiply, scaleGradient, split } from "../autodiff/operators.js";
import type { Tape, Variable } from "../autodiff/tape.js";
import type { HeadInputs } from "./decoder.js";

/**
 * What heads 2..N are behind the tokens between, [B·S, hidden] each, ready for the output embedding. `states`: normalised outputs of
 * heads 1..N; `next`: token j behind each position, int64 [B·S], at j - 1. What the base's embedding gives is not trained here.
 */
export function conditionalOutputs(
  tape: Tape,
  { config, parameters, batch, sequence, stemGradientScale }: HeadInputs,
  states: readonly Variable[],
  next: readonly Value[],
): Variable[] {
  const { conditional, tokenHeads } = config;
  if (conditional === undefined) return [];
  const { pairs, between } = conditional;
  const rows = batch * sequence;
  const first = scaleGradient(tape, states[0] as Variable, stemGradientScale);
  const table = { ...parameters(`${architectureOf(config).embedding}.weight`), tracked: false };
  const tokens =
    between === 0
      ? []
      : next.map((ids, j) => {
          const scope = tape.scope(`between/token_${j + 1}`);
          return normaliseRms(scope, gatherRows(scope, table, ids, rows), embeddingEpsilon);
        });
  return Array.from({ length: tokenHeads - 1 }, (_, i) => {
    const head = i + 2;
    const scope = tape.scope(`head_${head}/conditional`);
    const parameter = (name: string): Variable => parameters(`${conditionalPrefix(head)}.${name}`);
    let output = states[head - 1] as Variable;
    if (pairs > 0) {
      const row = gatherRows(scope, parameter("pairs.embedding.weight"), next[head - 2] as Value, rows);
      output = linear(scope, row, parameter("pairs.output.weight"), output);
    }
    if (between === 0) return output;
    const own = states[head - 1] as Variable;
    let sums = linear(scope, own, parameter("between.state.weight"), parameter("between.state.bias"));
    sums = linear(scope, first, parameter("between.first.weight"), sums);
    for (let token = 1; token < head; token++)
      sums = linear(scope, tokens[token - 1] as Variable, parameters(tokenTensor(head, token)), sums);
    const [u, g] = split(scope, sums, 1, [between, between]) as [Variable, Variable];
    return linear(scope, multiply(scope, silu(scope, u), g), parameter("between.output.weight"), output);
  });
}
