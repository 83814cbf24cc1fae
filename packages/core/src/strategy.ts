/** The contract of a decoding strategy: a small object that looks at one pass's logits and says what to emit. */
import type { Cooccurrence } from "./cooccurrence.js";
import type { Candidates, GenerationDefaults, LanguageModel } from "./language-model.js";

/**
 * `State` is what it keeps for one text, from `begin` to `end`. It keeps nothing else between two steps: texts that share
 * a strategy must not see each other.
 */
export interface Strategy<State = unknown> {
  readonly name: string;
  /** Token heads to compute each pass; the model's own number when absent. 1 runs the base model alone. */
  readonly heads?: number;
  /** Candidates a head that `step` wants to see; default: the model's recommendation, or 50. */
  readonly topK?: number;
  /** Most drafts that a step proposes; default: heads - 1, one for each head that looks further ahead. */
  readonly drafts?: number;
  /**
   * True for a strategy whose text has exactly the distribution of head 1's own decoding, and is the same token for token
   * where it is greedy. The contract suite of @dynamo/decode/testing holds it to that.
   */
  readonly lossless?: boolean;
  /** Called before a text's first pass. Throws `unsupported` for a model that the strategy cannot decode. */
  check?(model: LanguageModel): void;
  /** Makes what is kept for one text, before its first step; `prompt` stays as it is. */
  begin?(prompt: Int32Array): State;
  /**
   * Decides what one pass emits. When `input.signal` fires nobody waits for its answer any more, and what comes late is
   * dropped.
   */
  step(input: StepInput<State>): StepOutput | Promise<StepOutput>;
  /**
   * Called once for every state that was begun, however its text ends: finished, cancelled, aborted or failed. A step
   * that was given up may still run then. The text's last step waits for it.
   */
  end?(state: State): void | Promise<void>;
}

/** What a strategy is given in each step. */
export interface StepInput<State = unknown> {
  /**
   * positions[0] follows the last committed token; positions[i] follows draft[i - 1]. Each holds the heads' candidates,
   * head 1 first.
   */
  readonly positions: readonly (readonly Candidates[])[];
  /** What this strategy proposed in the pass before and the pass has now been fed; empty unless it drafts. */
  readonly draft: readonly Draft[];
  /** Prompt and committed tokens. Valid only during the call. */
  readonly context: Int32Array;
  readonly cooccurrence: Cooccurrence | undefined;
  /** Tokens that may still be emitted, at least 1; more than that are dropped. */
  readonly remaining: number;
  readonly endOfTextIds: readonly number[];
  /** What the model's folder recommends where the strategy's user said nothing. */
  readonly defaults: GenerationDefaults;
  /** Uniform in [0, 1); the only source of randomness. */
  readonly random: () => number;
  /** Tokens of `context` that are the prompt's, begin-of-text included. */
  readonly promptLength: number;
  /** What `begin` made for this text; undefined without it. */
  readonly state: State;
  /** Fires when the text is cancelled or aborted: whoever waits or computes for long should stop. */
  readonly signal: AbortSignal;
}

/** What a strategy answers in each step. */
export interface StepOutput {
  /** How many of `draft`, from the first, are accepted and so emitted; default 0. */
  readonly accepted?: number;
  /** Tokens to emit after the accepted ones: at least one. */
  readonly tokens: readonly number[];
  /** Proposals to be fed after `tokens` and judged by the next step; at most `drafts`. */
  readonly draft?: readonly Draft[];
  /** The order at which the step settled, for statistics; default: tokens emitted. */
  readonly order?: number;
  /** Seconds of the step that went into its joint distribution, for statistics. */
  readonly jointSeconds?: number;
  /** What the step saw, for inspection; passed through to the stream. */
  readonly trace?: unknown;
}

/** One proposed token and the distribution it was drawn from, for the accept/resample rule. */
export interface Draft {
  readonly token: number;
  /** Probabilities over `ids`; undefined for greedy drafts. */
  readonly distribution?: { readonly ids: Int32Array; readonly probabilities: Float64Array };
}
