/** What writes passes: a model in this page, or a server. */
import type { ChatMessage } from "@dynamo/tokenizer";
import type { Pass } from "./pass.js";
import type { OwnStrategy } from "../settings/plugin.js";
import type { StrategySettings } from "./strategy-of.js";

export interface PassOptions {
  readonly settings: StrategySettings;
  /** The visitor's own strategy, where the settings name it. */
  readonly plugin: OwnStrategy | undefined;
  /** Tokens at most. */
  readonly length: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface WriteRequest extends PassOptions {
  readonly prompt: string;
}

export interface AnswerRequest extends PassOptions {
  /** The conversation so far; the last message is the user's. */
  readonly messages: readonly ChatMessage[];
  /** Told how many of the oldest messages had no room any more. */
  readonly onDropped: (messages: number) => void;
}

export interface PassSource {
  /** It runs on a server: passes come by themselves, and without what would be needed to decide them anew. */
  readonly remote: boolean;
  /** Token heads: tokens per pass at most. */
  readonly heads: number;
  /** Tokens that a text can have, prompt included, where that is known. */
  readonly contextLength?: number | undefined;
  /** Token ids as text, for labels. */
  readonly decode: (ids: ArrayLike<number>) => string;
  /** Continues a text. */
  readonly write: (request: WriteRequest) => AsyncGenerator<Pass, void>;
  /** Answers a conversation; undefined for a model that is no chat model. */
  readonly answer: ((request: AnswerRequest) => AsyncGenerator<Pass, void>) | undefined;
}
