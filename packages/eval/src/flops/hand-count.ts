/** For tests: a pass's operations counted by hand from the architecture, for the paper's heads (one layer each on the stem). */
import type { ModelConfig } from "@dynamo/model";
import type { PassShape } from "./flops.js";

export function handCount(
  config: ModelConfig,
  { rows = 1, newPositions, wanted = 1, past, allHeads }: PassShape,
): number {
  const { hiddenSize: d, intermediateSize: m, layers, vocabularySize, conditional } = config;
  const heads = allHeads ? config.tokenHeads : 1;
  const visible = past + newPositions;
  // Query, key, value and the MLP's first half; both outputs; scores and weighted values.
  const stemLayer = newPositions * (d * (3 * d + m) + (d + m) * d + 2 * visible * d);
  // Keys and values everywhere, the rest where logits are wanted.
  const headLayer = newPositions * 2 * d * d + wanted * (d * (d + m) + (d + m) * d + 2 * visible * d);
  const logits = wanted * d * vocabularySize;
  // Of heads 2 and up over their own state and head 1's; what tokens between add is computed beside the graph.
  const part = wanted * 2 * d * 2 * (conditional?.between ?? 0);
  return 2 * rows * ((layers - 1) * stemLayer + heads * (headLayer + logits) + (heads - 1) * part);
}
