/** Conversations with a model: what its template makes of the messages that fit its context. */
import { DynamoError } from "@dynamo/core";
import {
  checkOptions,
  checkValue,
  hasMethods,
  isPlainObject,
  oneOf,
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

/** Throws `invalid-file` for a template that is there and cannot be parsed, or does not end. One that refuses a message is there. */
export function hasChatTemplate(model: Pick<PromptReader, "chatTokenizer">): boolean {
  checkValue("model", model, templatedCheck);
  const { chatTokenizer } = model;
  if (chatTokenizer === undefined || chatTokenizer.chatTemplates.length === 0) return false;
  try {
    chatTokenizer.applyChatTemplate([{ role: "user", content: "Hello" }]);
  } catch (error) {
    if (!DynamoError.is(error)) throw error;
    // It takes too much for a word: for any conversation, then.
    if (error.code === "context-length") throw new DynamoError("invalid-file", error.message, { cause: error });
    if (error.code !== "invalid-argument") throw error;
  }
  return true;
}

/** Options of `chatPrompt`. */
export interface ChatPromptOptions {
  /** Tokens that the answer may have. */
  readonly maxNewTokens: number;
  /** More variables for the template. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /**
   * `"text"` (default): a special token's text in a message is text, as people write it. `"recognise"`: it becomes the token, for
   * messages that are the program's own.
   */
  readonly specialTokens?: "text" | "recognise" | undefined;
}

/** A conversation as a prompt. */
export interface ChatPrompt extends FittedPrompt {
  /**
   * The prompt's ids. Its text alone does not tell what is a special token, and what spells one: generate from these, with
   * `beginOfText: false`, because a template writes the model's begin-of-text where there is one.
   */
  readonly tokens: Int32Array;
}

const promptChecks: OptionChecks<ChatPromptOptions> = {
  maxNewTokens: required(whole(1)),
  variables: valueCheck<Readonly<Record<string, unknown>>>("an object of variables by name", isPlainObject),
  specialTokens: oneOf("text", "recognise"),
};

/**
 * The conversation as a prompt that leaves room for the answer; the oldest turns are left out when the context is full.
 * Throws `unsupported` for a model without a chat template, `context-length` when the last message alone is too long.
 */
export function chatPrompt(
  model: PromptReader,
  messages: readonly ChatMessage[],
  options: ChatPromptOptions,
): ChatPrompt {
  checkValue("model", model, modelCheck);
  checkValue("messages", messages, messagesCheck);
  checkOptions("chatPrompt()", options, promptChecks);
  const { chatTokenizer, info } = model;
  const { maxNewTokens, variables = {}, specialTokens = "text" } = options;
  if (chatTokenizer === undefined)
    throw new DynamoError(
      "unsupported",
      "expected a model with a tokenizer.json and a chat template, received neither",
    );
  const { contextLength } = info;
  // An answer gets the room that it may need, but no more than half: what was said is worth as much.
  const room = Math.min(maxNewTokens, Math.floor(contextLength / 2));
  const limit = contextLength - room;
  const given = { messages, variables };
  const { value, mark } =
    specialTokens === "text" ? chatTokenizer.markSpecial(given) : { value: given, mark: undefined };
  const encode = (text: string): Int32Array => chatTokenizer.encode(text, { mark });
  const plain = (text: string): string => (mark === undefined ? text : text.replaceAll(mark, ""));
  const fitted = fitConversation(value.messages, {
    template: (some) => chatTokenizer.applyChatTemplate(some, { variables: value.variables }),
    count: (text) => encode(text).length,
    least: (text) => chatTokenizer.leastTokens(plain(text)),
    limit,
  });
  const tokens = encode(fitted.prompt);
  if (mark === undefined) return { ...fitted, tokens };
  const own = new Map(value.messages.map((message, i) => [message, messages[i] as ChatMessage]));
  return {
    dropped: fitted.dropped,
    prompt: plain(fitted.prompt),
    messages: fitted.messages.map((message) => own.get(message) ?? message),
    tokens,
  };
}
