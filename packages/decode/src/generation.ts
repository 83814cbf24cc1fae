/** What generate() takes and gives. */
import type { Strategy } from "@dynamo/core";
import type { AdjustmentOptions } from "./logit-adjustment.js";

/** Options of `generate`. */
export interface GenerateOptions extends AdjustmentOptions {
  /** Default: `dynamo()` for a model with several token heads, else `autoregressive()`. */
  readonly strategy?: Strategy | undefined;
  /** 0 generates nothing, for the prompt's log-probabilities alone. Default: the model's recommendation, or 128. */
  readonly maxNewTokens?: number | undefined;
  /** Same seed, same text on the same machine and provider. Default: random, and told in the result. */
  readonly seed?: number | undefined;
  /**
   * Strings that end the text (they are not part of it; default: the model's recommendation, or none), and token ids that
   * end it as end-of-text does.
   */
  readonly stop?:
    { readonly strings?: readonly string[] | undefined; readonly ids?: readonly number[] | undefined } | undefined;
  /** Put the model's begin-of-text token before the prompt, if it has one and the prompt does not start with it. Default true. */
  readonly beginOfText?: boolean | undefined;
  /** End at the model's end-of-text tokens. Default true. */
  readonly stopAtEndOfText?: boolean | undefined;
  /** Log-probabilities of the tokens; a number asks for that many alternatives too. Default none. */
  readonly logprobs?: boolean | number | undefined;
  /** The same of the prompt's own tokens, under head 1. Nothing stands before the first of them: it has none. */
  readonly promptLogprobs?: boolean | number | undefined;
  /**
   * Stops after the pass under way, and does not wait for a strategy: what was generated so far has been streamed, and the
   * generation rejects with `aborted`.
   */
  readonly signal?: AbortSignal | undefined;
}

/** What one forward pass added to one prompt's text. */
export interface GenerationChunk {
  /** Which prompt of the batch. */
  readonly index: number;
  /** Text that is complete now: possibly empty, while a character or a stop string may be unfinished. */
  readonly text: string;
  readonly tokens: readonly number[];
  /** The order at which the strategy settled: how many tokens this pass was good for. */
  readonly order: number;
  /** Counted from 0 for each prompt. */
  readonly pass: number;
  readonly logprobs?: readonly TokenLogprob[];
  /** With `promptLogprobs`, of the first chunk: one for each token of the prompt, begin-of-text included. */
  readonly promptLogprobs?: readonly TokenLogprob[];
  /** What the strategy tells about the pass. */
  readonly trace?: unknown;
}

/** A token with its log-probability and alternatives. */
export interface TokenLogprob {
  readonly token: number;
  /**
   * Log-probability at temperature 1 over the whole vocabulary, under the head that predicted the token in its pass;
   * undefined for a prompt's first token, and for one that no head was asked about: built-in strategies emit none such,
   * a strategy of the user's may.
   */
  readonly logprob: number | undefined;
  /** The head: 1 predicts the next token. */
  readonly head: number;
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}

/** `stop`: a stop string or id. `length`: maxNewTokens or the context's end. `cancelled`: the consumer left the loop. */
export type FinishReason = "end-of-text" | "stop" | "length" | "cancelled";

/** A whole text with its tokens and statistics. */
export interface GenerationResult {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  readonly seed: number;
  /** What the text suffers from: token heads that the strategy used and that were never trained. */
  readonly warnings: readonly string[];
  readonly logprobs?: readonly TokenLogprob[];
  /** With `promptLogprobs`: one for each token of the prompt, begin-of-text included. */
  readonly promptLogprobs?: readonly TokenLogprob[];
  readonly statistics: GenerationStatistics;
}

/** What a text took: tokens, passes and seconds. */
export interface GenerationStatistics {
  readonly promptTokens: number;
  readonly tokens: number;
  /** Forward passes, the prompt's included. */
  readonly passes: number;
  readonly tokensPerPass: number;
  /** orders[n]: passes that settled at order n. */
  readonly orders: Readonly<Record<number, number>>;
  /** Of the batch as a whole. `prefill`: the first pass; `model`: all passes; `joint` and `sampling`: in the strategy. */
  readonly seconds: {
    readonly total: number;
    readonly prefill: number;
    readonly model: number;
    readonly joint: number;
    readonly sampling: number;
  };
  /** Of this prompt. */
  readonly tokensPerSecond: number;
}

/**
 * Iterate over it for the text as it is made, or await it for the whole result; or iterate and await afterwards. It runs
 * once, when it is first asked, and no faster than it is read. Whoever iterates sees an error there: awaiting as well is a
 * choice, not a duty.
 */
export interface Generation<Result> extends AsyncIterable<GenerationChunk>, Promise<Result> {}
