import { judge, type Draft, type Strategy } from "../../src/index.js";

/** Drafts what followed the last two tokens before: texts repeat names and phrases. */
export const lookUp = (drafts = 4): Strategy => {
  const options = { temperature: 1, repetitionPenalty: 1 };
  return {
    name: "look-up",
    lossless: true,
    heads: 1,
    drafts,
    step({ positions, draft, context, remaining, random }) {
      const { accepted, token } = judge(positions, draft, context, options, random);
      const text = [...context, ...draft.slice(0, accepted).map((each) => each.token), token];
      const [before, last] = text.slice(-2);
      const at = text.findLastIndex((id, i) => i < text.length - 2 && id === before && text[i + 1] === last);
      const most = Math.min(drafts, remaining - accepted - 2);
      const next: Draft[] = at < 0 ? [] : text.slice(at + 2, at + 2 + Math.max(0, most)).map(certain);
      return { accepted, tokens: [token], draft: next, order: accepted + 1 };
    },
  };
};

/** A draft that was not sampled: all of its distribution is on one token. */
const certain = (token: number): Draft => ({
  token,
  distribution: { ids: Int32Array.of(token), probabilities: Float64Array.of(1) },
});
