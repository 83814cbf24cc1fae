/**
 * Conditional parts of token heads: what head n learns of the n - 1 tokens between, on top of its own state. With s_n and s_1 the
 * heads' states behind the final norm, e(x) the embedding of a token over its root mean square, and x_1..x_{n-1} the tokens between:
 *
 *   s'_n = s_n + P·a(x_{n-1}) + O·(silu(u) ⊙ g),   (u, g) = W·s_n + V·s_1 + Σ_j U_j·e(x_j) + b
 *
 * and the output embedding makes logits of s'_n as of s_n. `pairs` is the rank of a and P, `between` the width of u and g. The state alone
 * decides what costs a pass anything; what the tokens add are sums and short products, which need no pass (conditional/conditional-parts.ts).
 */
import { checkValue, text, whole } from "@dynamo/core/options";
import type { Shapes } from "./layer-tensors.js";

/** Widths of the conditional parts, which all heads from the second on have alike; 0 for a part that they lack. */
export interface ConditionalSizes {
  /** Rank of what a token says of the next one. */
  readonly pairs: number;
  /** Units of the network over the head's state and the tokens between. */
  readonly between: number;
}

/** More than any width in use; stops hostile configs. */
export const maxConditionalSize = 4096;

/** Inside the root of a token's mean square: embeddings of unused tokens may be zeros. */
export const embeddingEpsilon = 1e-6;

/** What the tensors' names of a head's conditional part begin with. */
export function conditionalPrefix(head: number): string {
  checkValue("head", head, whole(2));
  return `dynamo.conditional.${head}`;
}

/** Whether a tensor belongs to a conditional part. */
export function isConditionalTensor(name: string): boolean {
  checkValue("name", name, text);
  return name.startsWith("dynamo.conditional.");
}

/** The tensor of U_j, j from 1. */
export function tokenTensor(head: number, token: number): string {
  checkValue("token", token, whole(1));
  return `${conditionalPrefix(head)}.between.token_${token}.weight`;
}

/** Of head n ≥ 2. Rows of `between` are u, then g. */
export function conditionalShapes(
  head: number,
  { pairs, between }: ConditionalSizes,
  { vocabularySize, hiddenSize }: { readonly vocabularySize: number; readonly hiddenSize: number },
): Shapes {
  const prefix = conditionalPrefix(head);
  const shapes = new Map<string, readonly number[]>();
  if (pairs > 0) {
    shapes.set(`${prefix}.pairs.embedding.weight`, [vocabularySize, pairs]);
    shapes.set(`${prefix}.pairs.output.weight`, [hiddenSize, pairs]);
  }
  if (between > 0) {
    shapes.set(`${prefix}.between.state.weight`, [2 * between, hiddenSize]);
    shapes.set(`${prefix}.between.state.bias`, [2 * between]);
    shapes.set(`${prefix}.between.first.weight`, [2 * between, hiddenSize]);
    for (let token = 1; token < head; token++) shapes.set(tokenTensor(head, token), [2 * between, hiddenSize]);
    shapes.set(`${prefix}.between.output.weight`, [hiddenSize, between]);
  }
  return shapes;
}
