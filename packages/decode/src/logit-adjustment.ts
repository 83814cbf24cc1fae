/**
 * What a request does to the logits before any strategy sees them: a bias per token, penalties for tokens that the text
 * has already (OpenAI's logit_bias, presence_penalty and frequency_penalty), and bans.
 */
import { DynamoError, type Candidates } from "@dynamo/core";
import { describeName, describeValue } from "@dynamo/core/options";
import { createBans, type BanContext, type BannedText, type BanOptions, type Bans } from "./bans.js";

/**
 * Tokens so far below the best are none any more: a co-occurrence mask, which normalises what it leaves, must not bring
 * back what a bias of 100 has outdone.
 */
const reach = 64;

/** Changes to logits before a strategy sees them. */
export interface AdjustmentOptions extends BanOptions {
  /** Added to a token's logit, by token id: -100 bans it, 100 all but forces it. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Subtracted from the logit of every token that was generated at least once. Default 0. */
  readonly presencePenalty?: number | undefined;
  /** Subtracted for every time that a token was generated. Default 0. */
  readonly frequencyPenalty?: number | undefined;
}

export interface LogitAdjustment {
  readonly bans: Bans | undefined;
  /** Candidates per head to ask for, so that the best `topK` after the adjustment are among them. */
  needed(text: BannedText, topK: number): number;
  /**
   * The best `topK` of every head after the adjustment; `positions[i]` follows draft[i - 1]. A head looks past the tokens
   * before its own in the same pass: they are not chosen yet. Throws `invalid-argument` when the bans leave no token.
   */
  apply(
    positions: readonly (readonly Candidates[])[],
    text: BannedText,
    topK: number,
  ): readonly (readonly Candidates[])[];
  /** These tokens were generated. */
  count(tokens: readonly number[]): void;
}

/** Undefined when the options ask for none. Throws `invalid-argument` for values that are not finite, or no token ids. */
export function logitAdjustment(options: AdjustmentOptions, context: BanContext): LogitAdjustment | undefined {
  const { vocabularySize } = context;
  const { presencePenalty = 0, frequencyPenalty = 0 } = options;
  const bias = checkedBias(options, vocabularySize);
  checkFinite("presencePenalty", presencePenalty);
  checkFinite("frequencyPenalty", frequencyPenalty);
  const bans = createBans(options, context);
  const penalises = presencePenalty !== 0 || frequencyPenalty !== 0;
  if (bias.size === 0 && !penalises && bans === undefined) return undefined;
  // A token that is raised may come from any rank.
  const raises = presencePenalty < 0 || frequencyPenalty < 0 || [...bias.values()].some((value) => value > 0);
  const counts = new Map<number, number>();

  /** What is added to the logits of the tokens that are not left as they are; -Infinity bans. */
  function changes({ draft }: BannedText, drafted: number, banned: ReadonlySet<number>): ReadonlyMap<number, number> {
    const change = new Map(bias);
    const times = penalises ? new Map(counts) : counts;
    if (penalises) for (const { token } of draft.slice(0, drafted)) times.set(token, (times.get(token) ?? 0) + 1);
    for (const [id, count] of times) change.set(id, (change.get(id) ?? 0) - presencePenalty - count * frequencyPenalty);
    for (const id of banned) change.set(id, -Infinity);
    return change;
  }

  const bannedAt = (text: BannedText, drafted: number, ahead: number): ReadonlySet<number> =>
    bans?.at(text, drafted, ahead) ?? none;

  return {
    bans,
    needed(text, topK) {
      if (raises) return vocabularySize;
      let most = 0;
      for (let drafted = 0; drafted <= text.draft.length; drafted++) {
        // Of heads 2 to N fewer tokens are known to be banned.
        most = Math.max(most, changes(text, drafted, bannedAt(text, drafted, 0)).size);
      }
      return Math.min(vocabularySize, topK + most);
    },
    apply: (positions, text, topK) =>
      positions.map((heads, drafted) =>
        heads.map((candidates, ahead) => {
          const best = adjusted(candidates, changes(text, drafted, bannedAt(text, drafted, ahead)), topK);
          if (best.ids.length > 0) return best;
          throw new DynamoError("invalid-argument", "the tokens that may not come here leave none of the vocabulary");
        }),
      ),
    count(tokens) {
      if (penalises) for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    },
  };
}

const none: ReadonlySet<number> = new Set();

/** A conditional part's candidates are adjusted too: what tokens between add to them stays the same. */
function adjusted(candidates: Candidates, changes: ReadonlyMap<number, number>, topK: number): Candidates {
  const { logSumExp, conditional } = candidates;
  const own = bestOf(candidates, changes, topK);
  if (conditional === undefined) return { ...own, logSumExp };
  const all = bestOf(conditional, changes, conditional.ids.length);
  return { ...own, logSumExp, conditional: { ...all, addBehind: conditional.addBehind } };
}

/** The best `topK` once the changes are added to their tokens' logits; ties by lower id. */
function bestOf(
  { ids, logits }: Pick<Candidates, "ids" | "logits">,
  changes: ReadonlyMap<number, number>,
  topK: number,
): Pick<Candidates, "ids" | "logits"> {
  const best: { readonly id: number; readonly value: number }[] = [];
  let unchanged = 0;
  for (let rank = 0; rank < ids.length; rank++) {
    const id = ids[rank] as number;
    const change = changes.get(id);
    // They are sorted: of those that stay as they are no more than topK can be among the best.
    if (change === undefined && unchanged++ >= topK) continue;
    const value = Math.fround((logits[rank] as number) + (change ?? 0));
    if (value > -Infinity) best.push({ id, value });
  }
  best.sort((a, b) => b.value - a.value || a.id - b.id);
  const least = (best[0]?.value ?? 0) - reach;
  const kept = best.slice(0, topK).filter(({ value }) => value >= least);
  return {
    ids: Int32Array.from(kept, ({ id }) => id),
    logits: Float32Array.from(kept, ({ value }) => value),
  };
}

function checkedBias({ logitBias = {} }: AdjustmentOptions, vocabularySize: number): ReadonlyMap<number, number> {
  const bias = new Map<number, number>();
  for (const [key, value] of Object.entries(logitBias)) {
    const id = Number(key);
    if (!(Number.isInteger(id) && id >= 0 && id < vocabularySize)) {
      throw new DynamoError(
        "invalid-argument",
        `logitBias: token ids run from 0 to ${vocabularySize - 1}, received ${describeName(key)}`,
      );
    }
    checkFinite(`logitBias of token ${id}`, value);
    if (value !== 0) bias.set(id, value);
  }
  return bias;
}

function checkFinite(name: string, value: number): void {
  if (!Number.isFinite(value)) {
    throw new DynamoError("invalid-argument", `${name} must be a finite number, received ${describeValue(value)}`);
  }
}
