/**
 * Prompt look-up (Saxena 2023, "Prompt lookup decoding"; Hu et al. 2024, "SuffixDecoding"): what followed the text's last tokens when they
 * stood in the text before, in the prompt or in the answer. It needs no training and pays where answers repeat what is there: summaries,
 * edited code, answers from given texts.
 */
import { checkOptions, listOf, whole, type OptionChecks } from "@dynamo/core/options";
import { contextCheck } from "../step-checks.js";
import { certain, type DraftSource } from "./draft-source.js";
import { between, suffixIndex, type SuffixIndex } from "./suffix-index.js";

/** Options of `lookup`. */
export interface LookupOptions {
  /** Last tokens that must have stood there before. Default 2: a single token is followed by anything. */
  readonly leastMatch?: number | undefined;
  /** Texts beside the prompt in which to look too, as token ids, such as earlier answers. */
  readonly texts?: readonly ArrayLike<number>[] | undefined;
}

const checks: OptionChecks<LookupOptions> = {
  leastMatch: whole(1),
  texts: listOf(contextCheck, "a list of texts, each of token ids"),
};

/** Throws `invalid-argument` for options that it does not have, or out of range. */
export function lookup(options: LookupOptions = {}): DraftSource<SuffixIndex> {
  checkOptions("lookup()", options, checks);
  const { leastMatch = 2, texts = [] } = options;
  return {
    name: "lookup",
    begin(prompt) {
      const index = suffixIndex();
      for (const text of texts) {
        for (let i = 0; i < text.length; i++) index.push(text[i] as number);
        index.push(between);
      }
      for (const token of prompt) index.push(token);
      return index;
    },
    see({ state, emitted }) {
      for (const token of emitted) state.push(token);
    },
    next({ state, drafted }) {
      const found = state.after(drafted);
      if (found === undefined || found.length < leastMatch) return undefined;
      // The more that stood there before, the likelier the same follows.
      return { ...certain(found.token), agreement: found.length / (found.length + 1) };
    },
  };
}
