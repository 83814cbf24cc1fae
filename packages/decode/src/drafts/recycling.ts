/**
 * Token recycling (Luo et al. 2024, "Turning trash into treasure"): what head 1 found likely behind a token when the token was last fed,
 * drafts that were rejected included. A table of the text's own tokens; it needs no training and helps a little everywhere.
 */
import type { Candidates } from "@dynamo/core";
import { headDistribution } from "../head-distribution.js";
import type { DraftSource } from "./draft-source.js";

/** Candidates that are kept of each token. */
const kept = 8;

/** By token, what followed it. */
export type Successors = Map<number, Candidates>;

/** Drafts what was likely behind a token before. It has no options. */
export function recycling(): DraftSource<Successors> {
  return {
    name: "recycling",
    begin: () => new Map(),
    see({ state, fed, candidates }) {
      // Copies: what a pass returns is the pass's.
      for (const [i, { ids, logits, logSumExp }] of candidates.entries())
        state.set(fed[i] as number, { ids: ids.slice(0, kept), logits: logits.slice(0, kept), logSumExp });
    },
    next({ state, emitted, drafted, options }) {
      const successors = state.get((drafted.at(-1) ?? emitted.at(-1)) as number);
      return successors === undefined ? undefined : headDistribution(successors, options);
    },
  };
}
