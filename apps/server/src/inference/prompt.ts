/** A request's prompt as token ids: what its model's template and tokenizer make of it. Runs in threads of its own. */
import { DynamoError } from "@dynamo/core";
import { checkPromptLength } from "@dynamo/decode";
import { chatPrompt, type PromptReader } from "@dynamo/model";
import { mostCharactersPerToken } from "@dynamo/tokenizer";
import type { InferenceRequest } from "./messages.js";

export interface PromptRequest extends Pick<InferenceRequest, "prompt"> {
  readonly maxNewTokens: number;
}

export interface PreparedPrompt {
  /** The prompt as text. */
  readonly text: string;
  readonly ids: Int32Array;
  /** Messages of the conversation that are not in it: the oldest ones. */
  readonly dropped: number;
}

/**
 * Throws `context-length` for a prompt that is too long, one that is far too long before it is encoded; `invalid-argument` for
 * ids outside the vocabulary, what the template throws, and `unsupported` for text without a tokenizer.
 */
export function preparePrompt(reader: PromptReader, { prompt, maxNewTokens }: PromptRequest): PreparedPrompt {
  if (typeof prompt === "string") return { text: prompt, ids: encode(reader, prompt), dropped: 0 };
  const { contextLength } = reader.info;
  if ("messages" in prompt) {
    const chat = chatPrompt(reader, prompt.messages, {
      maxNewTokens,
      variables: prompt.variables,
    });
    return { text: chat.prompt, ids: chat.tokens, dropped: chat.dropped };
  }
  checkPromptLength(prompt.length, contextLength);
  checkIds(prompt, reader.info.vocabularySize);
  return { text: reader.chatTokenizer?.decode(prompt) ?? "", ids: Int32Array.from(prompt), dropped: 0 };
}

/** Throws `context-length` for a conversation that has lost messages where it may not lose any. */
export function checkDropped({ prompt }: PromptRequest, { dropped }: PreparedPrompt, mayDrop: boolean): void {
  const isConversation = typeof prompt === "object" && "messages" in prompt;
  if (dropped === 0 || !isConversation || (prompt.dropMessages ?? mayDrop)) return;
  throw new DynamoError(
    "context-length",
    `messages: the context has no room for ${dropped} of ${prompt.messages.length} messages, and they may not be left out`,
  );
}

function encode({ chatTokenizer, info }: PromptReader, text: string): Int32Array {
  if (chatTokenizer === undefined)
    throw new DynamoError("unsupported", "this model has no tokenizer.json: expected token ids, received text");
  if (text.length > info.contextLength) {
    const least = Math.max(chatTokenizer.leastTokens(text), Math.ceil(text.length / mostCharactersPerToken));
    checkPromptLength(least, info.contextLength, "at least");
  }
  const ids = chatTokenizer.encode(text);
  checkPromptLength(ids.length, info.contextLength);
  return ids;
}

function checkIds(ids: readonly number[], vocabularySize: number): void {
  const outside = ids.find((token) => token >= vocabularySize);
  if (outside === undefined) return;
  throw new DynamoError(
    "invalid-argument",
    `prompt: token ids run from 0 to ${vocabularySize - 1}, received ${outside}`,
  );
}
