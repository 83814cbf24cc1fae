/** Log-probabilities of a prompt's own tokens: what head 1 said of each of them, from the passes that compute the prompt. */
import type { Candidates, LanguageModel, Tensor } from "@dynamo/core";
import type { TokenLogprob } from "./generation.js";

export interface PromptScores {
  /** Candidates per head that a pass over a piece of the prompt is asked for. */
  readonly topK: number;
  /** Tokens of a piece at most: a pass returns the whole logits of each, which must fit into memory. */
  readonly most: number;
  /** One for each token of the pieces taken so far; nothing stands before the first token, and it has none. */
  readonly logprobs: readonly TokenLogprob[];
  /**
   * What a pass over the prompt's next tokens returned for each of them, in the order of the text: `candidates[i]` are the
   * heads' after token i. `logits` are [1, tokens, heads, vocabulary], of a cache's only row.
   */
  take(candidates: readonly (readonly Candidates[])[], logits: Tensor<"float32"> | undefined): void;
}

/** Bytes of whole logits in one pass, about. */
const passBytes = 64 * 2 ** 20;

export interface PromptScoresOptions {
  /** Alternatives to each token; undefined for no log-probabilities at all. */
  readonly alternatives: number | undefined;
  /** Heads that the prompt's passes compute. */
  readonly heads: number;
}

export function promptScores(
  { info }: LanguageModel,
  prompt: Int32Array,
  { alternatives, heads }: PromptScoresOptions,
): PromptScores | undefined {
  if (alternatives === undefined) return undefined;
  const { vocabularySize } = info;
  const first: TokenLogprob = { token: prompt[0] as number, head: 1, logprob: undefined, top: [] };
  const logprobs: TokenLogprob[] = [first];
  const computed = heads > 1 ? info.tokenHeads : 1;
  return {
    topK: Math.max(1, Math.min(alternatives, vocabularySize)),
    most: Math.max(1, Math.floor(passBytes / (4 * vocabularySize * computed))),
    logprobs,
    take(candidates, logits) {
      const data = logits?.data ?? new Float32Array();
      for (const [i, [head]] of candidates.entries()) {
        const token = prompt[logprobs.length];
        // The prompt's last token says what is generated first.
        if (token === undefined || head === undefined) return;
        const at = (logit: number): number => logit - head.logSumExp;
        const perPosition = data.length / candidates.length;
        const top = Array.from(head.ids.subarray(0, alternatives), (id, rank) => ({
          token: id,
          logprob: at(head.logits[rank] as number),
        }));
        logprobs.push({ token, head: 1, logprob: at(data[i * perPosition + token] as number), top });
      }
    },
  };
}
