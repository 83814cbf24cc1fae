/** Short causal convolutions, each channel by itself. */
import { add, multiply, reshape, shift, split, transpose } from "./operators.js";
import type { Tape, Variable } from "./tape.js";

/** y_t = Σ w[k]·x_(t - taps + 1 + k) + b for x [B, S, channels], w [channels, taps] and b [channels]; zeros stand before a text. */
export function causalConvolution(tape: Tape, x: Variable, weight: Variable, bias?: Variable): Variable {
  const taps = weight.dims[1] as number;
  const each = split(tape, transpose(tape, weight, [1, 0]), 0, new Array<number>(taps).fill(1));
  const sum = each
    .map((own, tap) => multiply(tape, shift(tape, x, 1, taps - 1 - tap), reshape(tape, own, own.dims.slice(1))))
    .reduce((a, b) => add(tape, a, b));
  return bias === undefined ? sum : add(tape, sum, bias);
}
