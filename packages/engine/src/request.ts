/** What the engine takes and gives. */
import { flag, required, text, whole, type OptionChecks } from "@dynamo/core/options";
import type { FinishReason, GenerateOptions, Generation, Prompt, TokenLogprob } from "@dynamo/decode";
import { generateChecks, promptCheck } from "@dynamo/decode/rows";

/** A request: its prompt, its options, and whose turn it is. */
export interface EngineRequest extends GenerateOptions {
  readonly prompt: Prompt;
  /** Whose turn it is: requests of one key wait for each other, not for those of others. Default: one key for all. */
  readonly key?: string | undefined;
  /**
   * Who may see that a prompt begins like one before it: keys and values are gone on from within one scope only, and so is what
   * `reusedTokens` and the time tell. Default: one scope for all.
   */
  readonly scope?: string | undefined;
  /** Whose the scope is: those with more texts kept make room for those with fewer, scopes of one owner together. Default: the scope. */
  readonly owner?: string | undefined;
  /** The random stream of the seed, as a batch's rows have: for several texts of one prompt. Default 0. */
  readonly index?: number | undefined;
  /** It belongs to one that was taken, and is not refused for a full queue. Default false. */
  readonly joins?: boolean | undefined;
}

/** By option. */
export const requestChecks: OptionChecks<EngineRequest> = {
  ...generateChecks,
  prompt: required(promptCheck),
  key: text,
  scope: text,
  owner: text,
  index: whole(0),
  joins: flag,
};

/** Iterate over it for the text as it is made, or await it, or both. A reader that stops iterating cancels it. */
export type EngineGeneration = Generation<EngineResult>;

/** A request's whole text with its statistics. */
export interface EngineResult {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  readonly seed: number;
  /** What the text suffers from: token heads that the strategy used and that were never trained. */
  readonly warnings: readonly string[];
  readonly logprobs: readonly TokenLogprob[];
  /** With `promptLogprobs`: one for each token of the prompt, begin-of-text included. */
  readonly promptLogprobs: readonly TokenLogprob[] | undefined;
  readonly statistics: RequestStatistics;
}

/** What a request took, its waiting included. */
export interface RequestStatistics {
  readonly promptTokens: number;
  /** Of them, those whose keys and values were there already. */
  readonly reusedTokens: number;
  readonly passes: number;
  readonly orders: Readonly<Record<number, number>>;
  /** Drafts that were judged, and those accepted: of verified decoding. */
  readonly drafted: number;
  readonly accepted: number;
  /** Seconds from `submit` to the first pass, to the first token, and to the end. */
  readonly seconds: { readonly queued: number; readonly firstToken: number; readonly total: number };
}
