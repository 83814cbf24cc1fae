/** What is sent to POST /v1/completions and /v1/chat/completions. Fields that are not listed are another API's, and ignored. */
import {
  array,
  boolean,
  enum as oneOf,
  int,
  literal,
  number,
  object,
  record,
  string,
  union,
  type infer as Infer,
} from "zod";
import { check } from "./check.js";

const share = number().min(0).max(1);

/** The body field `dynamo`. */
export const dynamoOptions = object({
  strategy: oneOf(["dynamo", "verified", "autoregressive"]).optional(),
  /** ε_b. */
  backoff: share.optional(),
  /** α_c. */
  maskStrength: share.optional(),
  joint: oneOf(["counts", "learned", "chain"]).optional(),
  /** Who drafts for `verified`. */
  sources: array(oneOf(["heads", "lookup", "recycling"]))
    .min(1)
    .optional(),
  /** Tokens drafted for a pass, or as many as pay. */
  drafts: union([literal("auto"), int().min(1).max(15)]).optional(),
  adaptive: boolean().optional(),
  blur: boolean().optional(),
  /** Each chunk of a stream tells its pass under `dynamo`. */
  trace: boolean().optional(),
});

const sampling = {
  model: string().min(1),
  max_tokens: int().min(1).optional(),
  temperature: number().min(0).optional(),
  top_k: int().min(1).optional(),
  top_p: share.optional(),
  min_p: share.optional(),
  typical_p: number().gt(0).max(1).optional(),
  repetition_penalty: number().gt(0).optional(),
  presence_penalty: number().optional(),
  frequency_penalty: number().optional(),
  /** By token id. */
  logit_bias: record(string(), number()).optional(),
  seed: int().min(0).optional(),
  stream: boolean().optional(),
  dynamo: dynamoOptions.optional(),
};

export const completionRequest = object({ ...sampling, prompt: string() });
export const chatRequest = object({
  ...sampling,
  messages: array(object({ role: oneOf(["system", "user", "assistant"]), content: string() })).min(1),
});

/** What a request's `dynamo` may hold. */
export type DynamoOptionsBody = Infer<typeof dynamoOptions>;
/** The body of a completion request. */
export type CompletionRequest = Infer<typeof completionRequest>;
/** The body of a chat request. */
export type ChatRequest = Infer<typeof chatRequest>;

/** Throws `invalid-argument` with the field that is wrong. */
export const parseCompletionRequest = (json: unknown): CompletionRequest =>
  check(completionRequest, json, "the request", "invalid-argument");

/** Throws `invalid-argument` with the field that is wrong. */
export const parseChatRequest = (json: unknown): ChatRequest =>
  check(chatRequest, json, "the request", "invalid-argument");
