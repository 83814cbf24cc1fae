import type { Strategy } from "../../src/index.js";

/** Takes heads 2, 3, … only while they are sure of themselves. */
export const confident = (least: number): Strategy => ({
  name: "confident",
  topK: 5,
  step({ positions: [heads = []] }) {
    const tokens: number[] = [];
    for (const { ids, logits, logSumExp } of heads) {
      const probability = Math.exp((logits[0] ?? -Infinity) - logSumExp);
      if (tokens.length > 0 && probability < least) break;
      tokens.push(ids[0] ?? 0);
    }
    return { tokens };
  },
});
