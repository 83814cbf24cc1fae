/** Conversations with a model: what its template makes of the messages that fit its context. */
import { DynamoError } from "@dynamo/core";
import {
  checkOptions,
  checkValue,
  hasMethods,
  isPlainObject,
  required,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { fitConversation, type ChatMessage, type FittedPrompt } from "@dynamo/tokenizer";
import type { PromptReader } from "./prompt-reader.js";

const expected = "a loaded model (what loadModel resolves to)";
const isTemplated = (value: unknown): boolean => {
  if (!hasMethods(value)) return false;
  const { chatTokenizer } = value as Partial<PromptReader>;
  return chatTokenizer === undefined || hasMethods(chatTokenizer, "encode", "applyChatTemplate");
};
const templatedCheck = valueCheck<Pick<PromptReader, "chatTokenizer">>(
  expected,
  (value) => isTemplated(value) && Object.hasOwn(value as object, "chatTokenizer"),
);
const modelCheck = valueCheck<PromptReader>(
  expected,
  (value) => isTemplated(value) && isPlainObject((value as Partial<PromptReader>).info),
);
const messagesCheck = valueCheck<readonly ChatMessage[]>("a list of messages { role, content }", Array.isArray);

/** Throws `invalid-file` for a template that is there and cannot be parsed. One that refuses a message is there. */
export function hasChatTemplate(model: Pick<PromptReader, "chatTokenizer">): boolean {
  checkValue("model", model, templatedCheck);
  const { chatTokenizer } = model;
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
  /** More variables for the template. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

const promptChecks: OptionChecks<ChatPromptOptions> = {
  maxNewTokens: required(whole(1)),
  variables: valueCheck<Readonly<Record<string, unknown>>>("an object of variables by name", isPlainObject),
};

/**
 * The conversation as a prompt that leaves room for the answer; the oldest turns are left out when the context is full.
 * Throws `unsupported` for a model without a chat template, `context-length` when the last message alone is too long.
 */
export function chatPrompt(
  model: PromptReader,
  messages: readonly ChatMessage[],
  options: ChatPromptOptions,
): FittedPrompt {
  checkValue("model", model, modelCheck);
  checkValue("messages", messages, messagesCheck);
  checkOptions("chatPrompt()", options, promptChecks);
  const { chatTokenizer, info } = model;
  const { maxNewTokens, variables = {} } = options;
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
    template: (turns) => chatTokenizer.applyChatTemplate(turns, { variables }),
    count: (text) => chatTokenizer.encode(text).length,
    least: (text) => chatTokenizer.leastTokens(text),
    limit,
  });
}
