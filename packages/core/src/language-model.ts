/** A causal language model with one or more token heads, as decoding sees it. */
import type { Cooccurrence } from "./cooccurrence.js";
import type { Tensor } from "./tensor.js";
import type { Tokenizer } from "./tokenizer.js";

/** A causal language model on a runtime, with its tokenizer. */
export interface LanguageModel {
  readonly info: ModelInfo;
  readonly tokenizer: Tokenizer;
  /** The model's co-occurrence mask, when its folder has one. */
  readonly cooccurrence: Cooccurrence | undefined;
  /** Room for `rows` sequences. The caller disposes it. */
  createCache(options: CacheOptions): Promise<KvCache>;
  /**
   * One forward pass: row i of the cache takes feeds[i].tokens at its end. `cache.lengths` grow by the tokens fed; a
   * pass that fails leaves them as they were.
   * Throws `invalid-argument` for token ids or lengths out of range, `runtime` for logits that are not finite.
   */
  forward(cache: KvCache, feeds: readonly Feed[], options: ForwardOptions): Promise<ForwardResult>;
  dispose(): Promise<void>;
}

/** The room of a KV cache. */
export interface CacheOptions {
  readonly rows: number;
  /**
   * Positions that a row will hold at most; default, and most, the context length. A cache on a GPU is reserved whole. Models that
   * rotate long texts otherwise (LongRoPE) take a cache for more positions than they were first trained with for one of long texts.
   */
  readonly maxLength?: number | undefined;
}

/** What decoding must know of a model. */
export interface ModelInfo {
  readonly vocabularySize: number;
  /** N: token heads in the model; 1 is a plain causal language model. */
  readonly tokenHeads: number;
  /** Heads (1-based) whose weights were initialised from a seed and never trained. */
  readonly untrainedHeads: readonly number[];
  /** Whether heads 2..N look at the tokens between, which `Feed.between` may give. Default false. */
  readonly conditionalHeads?: boolean;
  /** Positions that a sequence may have at most. */
  readonly contextLength: number;
  /** Of a model whose cache forgets: so many of a row's positions can always be taken back. Absent: all. */
  readonly rollback?: number;
  readonly endOfTextIds: readonly number[];
  /** Put before every prompt unless the caller says otherwise; undefined for none. */
  readonly beginOfTextId: number | undefined;
  readonly generation: GenerationDefaults;
}

/** Decoding options that a model's generation_config.json recommends: what they mean stands with `GenerateOptions`. */
export interface GenerationDefaults {
  readonly topK?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  readonly repetitionPenalty?: number;
  readonly maxNewTokens?: number;
  readonly minNewTokens?: number;
  readonly suppressTokens?: readonly number[];
  readonly beginSuppressTokens?: readonly number[];
  readonly badWords?: readonly (readonly number[])[];
  readonly noRepeatNgramSize?: number;
  readonly stopStrings?: readonly string[];
  /** Of a model with token heads, where the caller names none. */
  readonly strategy?: "dynamo" | "verified";
  readonly joint?: "counts" | "learned" | "chain";
  readonly backoff?: number;
  readonly maskStrength?: number;
}

/** The KV cache of a batch. It owns the cache lengths; committed tokens and drafts are the decoding loop's. */
export interface KvCache {
  /** Positions held by each row. */
  readonly lengths: readonly number[];
  /**
   * The longest prefix of at most `length` positions that the row can go back to: `length` itself, unless the cache has forgotten
   * what those positions need, as with a sliding window; then less, at worst 0.
   */
  reachable(row: number, length: number): number;
  /** Forgets a row's positions from `length`, which is reachable, on: the roll-back of rejected drafts. */
  truncate(row: number, length: number): void;
  /**
   * Makes row `to` a copy of row `from`, or of its first `length` positions, which must be reachable; `source` is another cache of
   * the model.
   */
  copyRow(from: number, to: number, length?: number, source?: KvCache): Promise<void>;
  /** Gives up room that no row needs now: a pass computes over all of it where a cache has grown in host memory. */
  trim(): Promise<void>;
  dispose(): Promise<void>;
}

/** What one row is fed in a pass. */
export interface Feed {
  /** At least one token id. */
  readonly tokens: ArrayLike<number>;
  /** How many of the last positions to return candidates for; default 1. */
  readonly positions?: number;
  /**
   * For conditional heads: the tokens behind each returned position, so far as they are known. Head n looks at the first n - 1 of
   * them; where there is none, or -1, at the likeliest of the head before.
   */
  readonly between?: readonly ArrayLike<number>[];
}

/** Options of a forward pass. */
export interface ForwardOptions {
  /**
   * Heads 1..heads are returned; with 1 the other heads are not computed at all, and have no memory of the tokens fed:
   * a row that will need them takes all its passes with them.
   */
  readonly heads: number;
  /** Candidates a head; at most the vocabulary's size is returned. */
  readonly topK: number;
  /** Also return the whole logits. */
  readonly logits?: boolean;
  /** Checked between the chunks of a long prefill. */
  readonly signal?: AbortSignal | undefined;
}

/** What a forward pass returns. */
export interface ForwardResult {
  /** candidates[row][position][head]: positions are the last `feed.positions` ones, oldest first. */
  readonly candidates: readonly (readonly (readonly Candidates[])[])[];
  /**
   * With `logits`: [rows, P, heads, vocabulary] as float32, P the most positions any row asked for; a row that asked
   * for fewer has them first.
   */
  readonly logits: Tensor<"float32"> | undefined;
}

/** One head's likeliest tokens at one position: descending logits, ties by lower id. */
export interface Candidates {
  readonly ids: Int32Array;
  readonly logits: Float32Array;
  /** Log of the sum of exp(logit) over the whole vocabulary: logit - logSumExp is the log-probability. */
  readonly logSumExp: number;
  /** Of a head from the second on with a conditional part: what the tokens between make of its logits. */
  readonly conditional?: ConditionalCandidates;
}

/** A head's tokens before it knows those between, and how these move them: any tokens can be asked about, as often as need be. */
export interface ConditionalCandidates {
  /** The likeliest without those between, in descending order: more than were asked for, since some of them will rise. */
  readonly ids: Int32Array;
  readonly logits: Float32Array;
  /**
   * Adds to `into` what the tokens between, head n's n - 1 in their order, add to the logit of each id, or of all tokens in order.
   * Throws `invalid-argument` for another number of tokens.
   */
  readonly addBehind: (
    between: ArrayLike<number>,
    ids: ArrayLike<number> | undefined,
    into: Float32Array | Float64Array,
  ) => void;
}
