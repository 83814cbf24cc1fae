/** What a chat sends to the model: the messages that fit, the newest ones for certain. */
import { DynamoError } from "@dynamo/core";
import type { ChatMessage } from "./chat-template.js";

export interface FitOptions {
  readonly template: (messages: readonly ChatMessage[]) => string;
  /** Tokens of a text. */
  readonly count: (text: string) => number;
  /** Tokens that the prompt may have. */
  readonly limit: number;
}

export interface FittedPrompt {
  readonly prompt: string;
  /** The messages that are in it. */
  readonly messages: readonly ChatMessage[];
  /** Messages left out: the oldest ones, the system's excepted. */
  readonly dropped: number;
}

/**
 * Leaves out whole turns from the oldest on, a question with its answer, until the rest fits; the system's message stays.
 * Throws `context-length` when the last question alone is too long.
 */
export function fitConversation(all: readonly ChatMessage[], { template, count, limit }: FitOptions): FittedPrompt {
  const system = all[0]?.role === "system" ? all.slice(0, 1) : [];
  let turns = all.slice(system.length);
  for (;;) {
    const messages = [...system, ...turns];
    const prompt = template(messages);
    const tokens = count(prompt);
    if (tokens <= limit) return { prompt, messages, dropped: all.length - messages.length };
    const next = turns.findIndex(({ role }, i) => i > 0 && role === "user");
    if (next === -1)
      throw new DynamoError(
        "context-length",
        `the message is too long for the model: expected at most ${limit} tokens with the system's, received ${tokens}`,
      );
    turns = turns.slice(next);
  }
}
