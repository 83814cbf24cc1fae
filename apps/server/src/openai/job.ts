/** A request of the API as requests of the inference process: one for every text that it asks for. */
import type { ChatMessage } from "@dynamo/tokenizer";
import { ApiError } from "./errors.js";
import type { ChatMessageBody } from "./messages-schema.js";
import type { InferenceRequest, StrategySettings } from "../inference/messages.js";
import { mostChoices, type ChatBody, type CompletionBody } from "./schemas.js";

/** One text of a request, before it is known whether it is the first. */
export type TextRequest = Omit<InferenceRequest, "joins" | "whole">;

export interface Job {
  readonly kind: "completion" | "chat";
  /** requests[i] writes choice i. */
  readonly requests: readonly TextRequest[];
  readonly echo: boolean;
  readonly stream: boolean;
  readonly usage: boolean;
}

type Common = CompletionBody | ChatBody;

/** Who asks: whose turn it is in the queue, and whose computed prompts may be gone on from. */
export type Asker = Pick<TextRequest, "key" | "owner">;

/** OpenAI's default, for a text without an end of its own. */
const completionTokens = 16;

/** Throws ApiError for what no schema can say. */
export function completionJob(body: CompletionBody, asker: Asker): Job {
  const count = body.n ?? 1;
  if (body.best_of !== undefined && body.best_of !== count)
    throw new ApiError(400, `best_of: expected n (${count}), received ${body.best_of}`, { param: "best_of" });
  const prompts = promptsOf(body.prompt);
  if (prompts.length * count > mostChoices)
    throw new ApiError(400, `n: expected at most ${mostChoices} texts a request, received ${prompts.length * count}`, {
      param: "n",
    });
  const rest = {
    ...commonOf(body, asker),
    maxNewTokens: limitOf(body.max_tokens ?? completionTokens),
    logprobs: body.logprobs,
    promptLogprobs: body.echo === true ? body.logprobs : undefined,
  };
  const requests = prompts.flatMap((prompt) =>
    Array.from({ length: count }, (_, index) => ({
      ...rest,
      prompt,
      // Token ids are the caller's own, to the last of them.
      beginOfText: typeof prompt === "string" && (body.add_special_tokens ?? true),
      index,
    })),
  );
  return { kind: "completion", requests, echo: body.echo ?? false, ...streamOf(body) };
}

/** Throws ApiError for what no schema can say. */
export function chatJob(body: ChatBody, asker: Asker): Job {
  if ((body.top_logprobs ?? 0) > 0 && body.logprobs !== true)
    throw new ApiError(400, "top_logprobs: expected logprobs: true with it", { param: "top_logprobs" });
  const request = {
    ...commonOf(body, asker),
    prompt: {
      messages: body.messages.map(messageOf),
      variables: body.chat_template_kwargs ?? {},
      dropMessages: body.dynamo?.dropMessages,
    },
    // The template writes it, where the model wants one.
    beginOfText: false,
    promptLogprobs: undefined,
    maxNewTokens: limitOf(body.max_completion_tokens ?? body.max_tokens),
    logprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : undefined,
  };
  const requests = Array.from({ length: body.n ?? 1 }, (_, index) => ({ ...request, index }));
  return { kind: "chat", requests, echo: false, ...streamOf(body) };
}

/** Throws ApiError for a job of more texts than a model ever has room for: it would be refused however often it came. */
export function checkCount({ requests }: Job, most: number): void {
  if (requests.length <= most) return;
  const param = requests.some(({ index }) => index > 0) ? "n" : "prompt";
  const message = `${param}: expected at most ${most} texts a request, as many as can be computed and wait, received ${requests.length}`;
  throw new ApiError(400, message, { param });
}

function streamOf({ stream, stream_options: options, n, dynamo }: Common): Pick<Job, "stream" | "usage"> {
  if (dynamo?.trace === true && stream !== true)
    throw new ApiError(400, "dynamo.trace: expected stream: true with it", { param: "dynamo.trace" });
  if (dynamo?.trace === true && (n ?? 1) > 1)
    throw new ApiError(400, "dynamo.trace: expected n: 1 with it", { param: "dynamo.trace" });
  return { stream: stream ?? false, usage: options?.include_usage ?? false };
}

type OfEachRoute = "prompt" | "beginOfText" | "maxNewTokens" | "logprobs" | "promptLogprobs" | "index";

function commonOf(body: Common, { key, owner }: Asker): Omit<TextRequest, OfEachRoute> {
  const stop = body.stop ?? [];
  const least = body.min_tokens ?? 0;
  const most = limitOf(body.max_tokens) ?? Infinity;
  if (least > most)
    throw new ApiError(400, `min_tokens: expected at most max_tokens (${most}), received ${least}`, {
      param: "min_tokens",
    });
  return {
    strategy: strategyOf(body),
    seed: body.seed,
    stop: (typeof stop === "string" ? [stop] : stop).filter((text) => text !== ""),
    stopIds: body.stop_token_ids ?? [],
    stopAtEndOfText: body.ignore_eos !== true,
    minNewTokens: body.min_tokens,
    logitBias: body.logit_bias ?? {},
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    trace: body.dynamo?.trace ?? false,
    key: body.user === undefined ? key : `${key}/${body.user}`,
    // No salt is another's scope: names of keys have no line feed.
    scope: body.cache_salt === undefined ? owner : `${owner}\n${body.cache_salt}`,
    owner,
  };
}

function strategyOf(body: Common): StrategySettings {
  const { temperature, top_p: topP, top_k: topK, min_p: minP, typical_p: typicalP, dynamo } = body;
  return {
    name: dynamo?.strategy,
    temperature,
    // A share of nothing keeps the likeliest token, as the smallest share does.
    topP: topP === 0 ? Number.MIN_VALUE : topP,
    topK,
    minP,
    typicalP,
    repetitionPenalty: repetitionPenaltyOf(body),
    backoff: dynamo?.backoff,
    maskStrength: dynamo?.maskStrength,
    joint: dynamo?.joint,
    sources: dynamo?.sources,
    drafts: dynamo?.drafts,
    adaptive: dynamo?.adaptive,
    blur: dynamo?.blur,
  };
}

function promptsOf(prompt: CompletionBody["prompt"]): readonly (string | readonly number[])[] {
  if (typeof prompt === "string") return [prompt];
  const [first] = prompt;
  return typeof first === "number" ? [prompt as readonly number[]] : (prompt as readonly (string | number[])[]);
}

function repetitionPenaltyOf({ repetition_penalty: one, repeat_penalty: other }: Common): number | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  throw new ApiError(400, `repeat_penalty: expected repetition_penalty (${one}), received ${other}`, {
    param: "repeat_penalty",
  });
}

/** Infinity is as many as the context has room for; undefined leaves it to the model's folder. */
const limitOf = (tokens: number | undefined): number | undefined => (tokens === -1 ? Infinity : tokens);

const messageOf = ({ role, content = "", name }: ChatMessageBody): ChatMessage => ({
  role: role === "developer" ? "system" : role,
  content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  ...(name === undefined ? {} : { name }),
});
