/** The bodies of this server's answers, for its OpenAPI document; the tests hold real answers against them. */
import { wirePass } from "@dynamo/protocol";
import {
  array,
  boolean,
  int,
  literal,
  nullable,
  number,
  record,
  strictObject,
  string,
  enum as oneOf,
  union,
  unknown,
  type ZodObject,
  type ZodType,
} from "zod";

export const errorAnswer = strictObject({
  error: strictObject({
    message: string(),
    type: string(),
    param: nullable(string()).describe("The request's field that is at fault."),
    code: nullable(string()),
  }),
});

const dropped = strictObject({
  droppedMessages: int().min(1).describe("The oldest messages, which the context had no room for."),
});

const usage = strictObject({
  prompt_tokens: int(),
  completion_tokens: int(),
  total_tokens: int(),
  prompt_tokens_details: strictObject({
    cached_tokens: int().describe("Computed before, for a prompt that begins alike."),
  }),
  completion_tokens_details: strictObject({
    accepted_prediction_tokens: int().describe("Drafts that verified decoding kept."),
    rejected_prediction_tokens: int(),
  }),
});

const eventUsage = nullable(usage)
  .optional()
  .describe("When stream_options.include_usage asked for it: in the last event, and null in those before.");
const finishReason = nullable(oneOf(["stop", "length"]));
const head = { id: string(), created: int().describe("Seconds since 1970."), model: string() };

const completionLogprobs = strictObject({
  tokens: array(string()).describe("Half a character stands as bytes:\\xc3, a special token by its name."),
  token_logprobs: array(nullable(number())),
  top_logprobs: array(nullable(record(string(), number()))).describe(
    "Of tokens with the same text the likelier has it, the other token_id:N.",
  ),
  text_offset: array(int()).describe("Characters before the token, as Unicode counts them."),
});
const completionChoice = strictObject({
  index: int(),
  text: string(),
  finish_reason: finishReason,
  logprobs: nullable(completionLogprobs),
});
const completion = { ...head, object: literal("text_completion"), choices: array(completionChoice) };

export const completionAnswer = strictObject({ ...completion, usage });
export const completionEvent = strictObject({
  ...completion,
  usage: eventUsage,
  dynamo: wirePass.optional().describe("With dynamo.trace: the pass that gave this text."),
});

const one = {
  token: string(),
  logprob: number(),
  bytes: array(int()).describe("The token's own: of half a character too."),
};
const chatLogprobs = nullable(
  strictObject({
    content: array(strictObject({ ...one, top_logprobs: array(strictObject(one)) })),
    refusal: literal(null),
  }),
);

export const chatAnswer = strictObject({
  ...{ ...head, object: literal("chat.completion"), usage, dynamo: dropped.optional() },
  choices: array(
    strictObject({
      index: int(),
      message: strictObject({ role: literal("assistant"), content: string(), refusal: literal(null) }),
      logprobs: chatLogprobs,
      finish_reason: finishReason,
    }),
  ),
});
export const chatEvent = strictObject({
  ...{ ...head, object: literal("chat.completion.chunk") },
  choices: array(
    strictObject({
      index: int(),
      delta: strictObject({ role: literal("assistant").optional(), content: string().optional() }),
      logprobs: chatLogprobs,
      finish_reason: finishReason,
    }),
  ),
  usage: eventUsage,
  dynamo: union([wirePass, dropped])
    .optional()
    .describe("With dynamo.trace: the pass; beside usage: what was left out."),
});

export const modelAnswer = strictObject({
  id: string(),
  object: literal("model"),
  created: int(),
  owned_by: string(),
  dynamo: strictObject({ tokenHeads: int(), contextLength: int(), chat: boolean() })
    .optional()
    .describe("Once the model is loaded."),
});
export const modelsAnswer = strictObject({ object: literal("list"), data: array(modelAnswer) });

export const fileAnswer = strictObject({
  id: string(),
  object: literal("file"),
  bytes: int(),
  created_at: int(),
  filename: string(),
  purpose: string(),
  status: literal("processed"),
});
export const deletedAnswer = strictObject({ id: string(), object: literal("file"), deleted: literal(true) });

const time = nullable(int());
export const batchAnswer = strictObject({
  id: string(),
  object: literal("batch"),
  endpoint: oneOf(["/v1/completions", "/v1/chat/completions"]),
  input_file_id: string(),
  completion_window: string(),
  metadata: nullable(record(string(), string())),
  status: oneOf([
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
  ]),
  errors: nullable(strictObject({ object: literal("list"), data: array(unknown()) })),
  output_file_id: nullable(string()),
  error_file_id: nullable(string()),
  request_counts: strictObject({ total: int(), completed: int(), failed: int() }),
  created_at: int(),
  expires_at: int(),
  in_progress_at: time,
  finalizing_at: time,
  completed_at: time,
  failed_at: time,
  expired_at: time,
  cancelling_at: time,
  cancelled_at: time,
});

export const listAnswer = (of: ZodType): ZodObject =>
  strictObject({
    object: literal("list"),
    data: array(of),
    has_more: boolean(),
    first_id: nullable(string()),
    last_id: nullable(string()),
  });

export const healthAnswer = strictObject({ status: literal("ok") });
export const readyAnswer = strictObject({
  status: oneOf(["ready", "loading", "silent", "restarting", "closing"]).describe("Of the first model that is not."),
  waiting: array(string()).describe("Models that are not ready."),
});
