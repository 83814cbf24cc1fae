/** Conversations with a model: what its template makes of the messages that fit its context. */
import { DynamoError } from "@dynamo/core";
import { fitConversation, type ChatMessage, type FittedPrompt } from "@dynamo/tokenizer";
import type { PromptReader } from "./prompt-reader.js";

/** Throws `invalid-file` for a template that is there and cannot be parsed. One that refuses a message is there. */
export function hasChatTemplate({ chatTokenizer }: Pick<PromptReader, "chatTokenizer">): boolean {
  if (chatTokenizer === undefined || chatTokenizer.chatTemplates.length === 0) return false;
  try {
    chatTokenizer.applyChatTemplate([{ role: "user", content: "Hello" }]);
  } catch (error) {
    if (!DynamoError.is(error) || error.code !== "invalid-argument") throw error;
  }
  return true;
}

export interface ChatPromptOptions {
  /** Tokens that the answer may have. */
  readonly maxNewTokens: number;
}

/**
 * The conversation as a prompt that leaves room for the answer; the oldest turns are left out when the context is full.
 * Throws `unsupported` for a model without a chat template, `context-length` when the last message alone is too long.
 */
export function chatPrompt(
  { chatTokenizer, info }: PromptReader,
  messages: readonly ChatMessage[],
  { maxNewTokens }: ChatPromptOptions,
): FittedPrompt {
  if (chatTokenizer === undefined)
    throw new DynamoError(
      "unsupported",
      "expected a model with a tokenizer.json and a chat template, received neither",
    );
  const { contextLength, beginOfTextId } = info;
  // An answer gets the room that it may need, but no more than half: what was said is worth as much.
  const room = Math.min(maxNewTokens, Math.floor(contextLength / 2));
  const limit = contextLength - room - (beginOfTextId === undefined ? 0 : 1);
  return fitConversation(messages, {
    template: chatTokenizer.applyChatTemplate,
    count: (text) => chatTokenizer.encode(text).length,
    least: (text) => chatTokenizer.leastTokens(text),
    limit,
  });
}
