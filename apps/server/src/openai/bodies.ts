/** Answers in the OpenAI API's form, whole and as chunks of a stream. */
import type { WirePass } from "@dynamo/protocol";
import type { InferenceEnd, WireLogprob, WireToken } from "../inference/messages.js";
import { byToken, chatToken, completionToken } from "./token-text.js";

/** What all chunks of a stream share. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

export interface ChoicePart {
  readonly index: number;
  readonly text: string;
  readonly logprobs: readonly WireLogprob[] | undefined;
  readonly finishReason: InferenceEnd["finishReason"] | null;
  /** Characters of the choice before this part's tokens, as Unicode counts them. */
  readonly offset: number;
}

/** Beside the choices of an answer. */
export interface Extent {
  readonly usage: Usage;
  /** Messages of the conversation that the model has not seen. */
  readonly dropped: number;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: {
    readonly accepted_prediction_tokens: number;
    readonly rejected_prediction_tokens: number;
  };
}

/** One API's words for the same things. */
export interface Form {
  /** Before the first text of a choice. */
  begin(head: AnswerHead, index: number): object | undefined;
  chunk(head: AnswerHead, part: ChoicePart, pass: WirePass | undefined): object;
  /** The last chunk, when usage was asked for. */
  usage(head: AnswerHead, extent: Extent): object;
  whole(head: AnswerHead, parts: readonly ChoicePart[], extent: Extent): object;
}

export const completionForm: Form = {
  begin: () => undefined,
  chunk: (head, part, pass) => ({
    ...{ ...head, object: "text_completion", choices: [completionChoice(part)] },
    ...(pass === undefined ? {} : { dynamo: pass }),
  }),
  usage: (head, extent) => ({ ...head, object: "text_completion", choices: [], ...told(extent) }),
  whole: (head, parts, extent) => ({
    ...{ ...head, object: "text_completion", choices: parts.map(completionChoice), ...told(extent) },
  }),
};

export const chatForm: Form = {
  begin: (head, index) => ({
    ...{ ...head, object: "chat.completion.chunk" },
    choices: [{ index, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null }],
  }),
  chunk: (head, part, pass) => ({
    ...{ ...head, object: "chat.completion.chunk", choices: [chatDelta(part)] },
    ...(pass === undefined ? {} : { dynamo: pass }),
  }),
  usage: (head, extent) => ({ ...head, object: "chat.completion.chunk", choices: [], ...told(extent) }),
  whole: (head, parts, extent) => ({
    ...{ ...head, object: "chat.completion", choices: parts.map(chatChoice), ...told(extent) },
  }),
};

const told = ({ usage, dropped }: Extent): object => ({
  usage,
  ...(dropped === 0 ? {} : { dynamo: { droppedMessages: dropped } }),
});

const completionChoice = ({ index, text, logprobs, finishReason, offset }: ChoicePart): object => ({
  ...{ index, text, finish_reason: finishReason },
  logprobs: logprobs === undefined ? null : completionLogprobs(logprobs, offset),
});

function completionLogprobs(logprobs: readonly WireLogprob[], offset: number): object {
  let at = offset;
  return {
    tokens: logprobs.map(completionToken),
    token_logprobs: logprobs.map(({ logprob }) => logprob ?? null),
    top_logprobs: logprobs.map(({ top }) => (top.length === 0 ? null : byToken(top))),
    text_offset: logprobs.map(({ characters }) => {
      const before = at;
      at += characters;
      return before;
    }),
  };
}

const chatDelta = ({ index, text, logprobs, finishReason }: ChoicePart): object => ({
  ...{ index, delta: text === "" && finishReason !== null ? {} : { content: text } },
  ...{ logprobs: chatLogprobs(logprobs), finish_reason: finishReason },
});

const chatChoice = ({ index, text, logprobs, finishReason }: ChoicePart): object => ({
  ...{ index, message: { role: "assistant", content: text, refusal: null } },
  ...{ logprobs: chatLogprobs(logprobs), finish_reason: finishReason },
});

function chatLogprobs(logprobs: readonly WireLogprob[] | undefined): object | null {
  if (logprobs === undefined) return null;
  // What no candidate list held is far down: OpenAI's own word for it is -9999.
  const one = (token: WireToken): object => ({
    ...{ token: chatToken(token), logprob: token.logprob ?? -9999, bytes: token.bytes },
  });
  return { content: logprobs.map((each) => ({ ...one(each), top_logprobs: each.top.map(one) })), refusal: null };
}

/** What one text took. */
export interface TextEnd {
  readonly end: InferenceEnd;
  /** Texts of one prompt stand side by side; the first of them has computed it, the others found it there. */
  readonly first: boolean;
}

export function usageOf(texts: readonly TextEnd[]): Usage {
  const sum = (of: (end: InferenceEnd) => number, ends: readonly TextEnd[] = texts): number =>
    ends.reduce((total, { end }) => total + of(end), 0);
  const prompts = texts.filter(({ first }) => first);
  const promptTokens = sum(({ statistics }) => statistics.promptTokens, prompts);
  const completionTokens = sum(({ tokens }) => tokens);
  const accepted = sum(({ statistics }) => statistics.accepted);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: sum(({ statistics }) => statistics.reusedTokens, prompts) },
    completion_tokens_details: {
      accepted_prediction_tokens: accepted,
      rejected_prediction_tokens: sum(({ statistics }) => statistics.drafted) - accepted,
    },
  };
}
