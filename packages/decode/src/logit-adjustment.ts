/**
 * What a request adds to the logits before any strategy sees them: a bias a token, and penalties for tokens that the
 * text has already (OpenAI's logit_bias, presence_penalty and frequency_penalty).
 */
import { DynamoError, type Candidates, type Draft } from "@dynamo/core";

/**
 * Tokens so far below the best are none any more: a co-occurrence mask, which normalises what it leaves, must not bring
 * back what a bias of 100 has outdone.
 */
const reach = 64;

export interface AdjustmentOptions {
  /** Added to a token's logit, by token id: -100 bans it, 100 all but forces it. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Subtracted from the logit of every token that was generated at least once. Default 0. */
  readonly presencePenalty?: number | undefined;
  /** Subtracted for every time that a token was generated. Default 0. */
  readonly frequencyPenalty?: number | undefined;
}

export interface LogitAdjustment {
  /** Candidates a head to ask for, so that the best `topK` after the adjustment are among them, behind so many drafts. */
  needed(topK: number, drafts: number): number;
  /**
   * The best `topK` of every head after the adjustment; `positions[i]` follows draft[i - 1]. A head looks past the tokens
   * before its own in the same pass: they are not chosen yet.
   */
  apply(
    positions: readonly (readonly Candidates[])[],
    draft: readonly Draft[],
    topK: number,
  ): readonly (readonly Candidates[])[];
  /** These tokens were generated. */
  count(tokens: readonly number[]): void;
}

/** Undefined when the options ask for none. Throws `invalid-argument` for values that are not finite, or no token ids. */
export function logitAdjustment(options: AdjustmentOptions, vocabularySize: number): LogitAdjustment | undefined {
  const { presencePenalty = 0, frequencyPenalty = 0 } = options;
  const bias = checkedBias(options, vocabularySize);
  checkFinite("presencePenalty", presencePenalty);
  checkFinite("frequencyPenalty", frequencyPenalty);
  const penalises = presencePenalty !== 0 || frequencyPenalty !== 0;
  if (bias.size === 0 && !penalises) return undefined;
  // A token that is raised may come from any rank.
  const raises = presencePenalty < 0 || frequencyPenalty < 0 || [...bias.values()].some((value) => value > 0);
  const counts = new Map<number, number>();

  const penalty = (count: number): number => (count === 0 ? 0 : presencePenalty + count * frequencyPenalty);

  function adjusted({ ids, logits, logSumExp }: Candidates, more: readonly number[], topK: number): Candidates {
    const value = logits.map((logit, rank) => {
      const id = ids[rank] as number;
      const times = (counts.get(id) ?? 0) + more.filter((token) => token === id).length;
      return logit + (bias.get(id) ?? 0) - penalty(times);
    });
    const order = [...ids.keys()].sort(
      (a, b) => (value[b] as number) - (value[a] as number) || (ids[a] as number) - (ids[b] as number),
    );
    const least = (value[order[0] as number] as number) - reach;
    const best = order.slice(0, topK).filter((rank) => (value[rank] as number) >= least);
    return {
      ids: Int32Array.from(best, (rank) => ids[rank] as number),
      logits: Float32Array.from(best, (rank) => value[rank] as number),
      logSumExp,
    };
  }

  return {
    needed(topK, drafts) {
      // At most so many tokens fall behind others: the biased ones, those of the text, and the drafts before a position.
      const lowered = bias.size + (penalises ? counts.size + drafts : 0);
      return raises ? vocabularySize : Math.min(vocabularySize, topK + lowered);
    },
    apply: (positions, draft, topK) =>
      positions.map((heads, i) => {
        const before = penalises ? draft.slice(0, i).map(({ token }) => token) : [];
        return heads.map((candidates) => adjusted(candidates, before, topK));
      }),
    count(tokens) {
      if (penalises) for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    },
  };
}

function checkedBias({ logitBias = {} }: AdjustmentOptions, vocabularySize: number): ReadonlyMap<number, number> {
  const bias = new Map<number, number>();
  for (const [key, value] of Object.entries(logitBias)) {
    const id = Number(key);
    if (!(Number.isInteger(id) && id >= 0 && id < vocabularySize)) {
      throw new DynamoError(
        "invalid-argument",
        `logitBias: token ids run from 0 to ${vocabularySize - 1}, received ${key}`,
      );
    }
    checkFinite(`logitBias of token ${id}`, value);
    if (value !== 0) bias.set(id, value);
  }
  return bias;
}

function checkFinite(name: string, value: number): void {
  if (!Number.isFinite(value)) {
    throw new DynamoError("invalid-argument", `${name} must be a finite number, received ${String(value)}`);
  }
}
