/**
 * Speculative sampling with a separate draft model (Chen et al. 2023, Algorithm 2; Leviathan et al. 2023): a smaller model
 * drafts some tokens one at a time, and one pass of the model judges them all. The output has exactly the distribution of
 * the model's head 1, and greedy output is head 1's, token for token.
 */
import { throwIfAborted, type Draft, type LanguageModel, type Strategy } from "@dynamo/core";
import { checkOptions, languageModel, required, whole, type OptionChecks } from "@dynamo/core/options";
import { draftText, type DraftText } from "./draft-text.js";
import { generateOptions } from "./generate-checks.js";
import { judge, samplingDistribution, type JudgeOptions } from "./judge.js";
import { mostDrafts, resolve, samplingChecks, type SamplingOptions } from "./options.js";
import type { Random } from "./random.js";
import { checkSameTokenizer } from "./same-tokenizer.js";
import { choose } from "./sample.js";

/** Options of `speculative`. */
export interface SpeculativeOptions extends SamplingOptions {
  /** Drafts with its head 1. The caller's: it stays loaded for as long as the strategy is used. */
  readonly draftModel: LanguageModel;
  /** Tokens drafted for each of the model's passes, 1 to 15. Default 4. */
  readonly drafts?: number | undefined;
}

/** By option. */
export const speculativeChecks: OptionChecks<SpeculativeOptions> = {
  ...samplingChecks,
  draftModel: required(languageModel),
  drafts: whole(1, mostDrafts),
};

/**
 * Throws `invalid-argument` for options that it does not have, or out of range. Each text has a cache of the draft model,
 * from its first step to its end. A text that is longer than the draft model's context goes on without drafts. Generating
 * throws `unsupported` when the two models' tokenizers differ.
 */
export function speculative(options: SpeculativeOptions): Strategy<DraftText> {
  checkOptions("speculative()", options, speculativeChecks, generateOptions);
  const { draftModel, drafts = 4 } = options;
  const checked = new WeakSet<LanguageModel>();
  return {
    name: "speculative",
    lossless: true,
    heads: 1,
    drafts,
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    check(model) {
      if (checked.has(model)) return;
      checkSameTokenizer(model, draftModel);
      checked.add(model);
    },
    begin: () => draftText(draftModel),
    end: (state) => state.dispose(),
    async step({ state, signal, positions, draft, context, defaults, remaining, endOfTextIds, random }) {
      const resolved = resolve(options, defaults);
      const { accepted, token } = judge(positions, draft, context, resolved, random);
      const emitted = [...draft.slice(0, accepted).map((each) => each.token), token];
      const output = { accepted, tokens: [token], order: accepted + 1 };
      if (emitted.some((id) => endOfTextIds.includes(id))) return output;
      const after = Int32Array.from([...context, ...emitted]);
      // The pass that judges them adds a token of its own.
      const most = Math.min(drafts, remaining - emitted.length - 1);
      const topK = options.topK ?? defaults.topK ?? 50;
      const proposed = await propose(state, draftModel, after, { ...resolved, most, topK, random, signal });
      return { ...output, draft: proposed };
    },
  };
}

interface ProposeOptions extends JudgeOptions {
  readonly most: number;
  readonly topK: number;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Sampled as the judge samples, penalty included: the nearer the two distributions, the more drafts are accepted. */
async function propose(
  text: DraftText,
  { info }: LanguageModel,
  context: Int32Array,
  options: ProposeOptions,
): Promise<Draft[]> {
  const { temperature, random, most, topK, signal } = options;
  const tokens = Array.from(context);
  const drafted: Draft[] = [];
  // Ids of a padded embedding that the draft model does not have end the drafting as its context's end does.
  if (tokens.some((id) => id >= info.vocabularySize)) return drafted;
  while (drafted.length < most && tokens.length <= info.contextLength) {
    throwIfAborted(signal);
    const candidates = await text.after(tokens, topK);
    const before = drafted.map(({ token }) => token);
    const distribution = samplingDistribution(candidates, context, before, options);
    const rank = choose(distribution.probabilities, distribution.ids.length, temperature, random);
    const token = distribution.ids[rank] as number;
    drafted.push(temperature === 0 ? { token } : { token, distribution });
    tokens.push(token);
  }
  return drafted;
}
