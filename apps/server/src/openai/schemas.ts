/** The bodies of the OpenAI API's requests that this server takes. A field that is not here is refused by its name. */
import {
  array,
  boolean,
  enum as oneOf,
  int,
  literal,
  number,
  record,
  strictObject,
  string,
  union,
  unknown,
  type infer as Infer,
  type ZodType,
} from "zod";
import { draftSourceNames, jointKinds } from "@dynamo/decode";
import { ignored, off, open } from "./fields.js";
import { foreignChat, foreignCommon, foreignCompletion } from "./foreign.js";
import { chatMessages } from "./messages-schema.js";

/** Texts of one request, all prompts together. */
export const mostChoices = 128;

const tokenId = int()
  .min(0)
  .max(2 ** 31 - 1);
const share = number().min(0).max(1);
const penalty = number().min(-2).max(2);
const stopString = string().max(1000);

/** -1 is how some clients write "no limit". */
const limit = (least: number): ZodType<number> =>
  union([literal(-1), int().min(least)], {
    error: `expected a whole number of at least ${least}, or -1 for no limit`,
  });
const tokenLimit = limit(1);

const dynamo = strictObject({
  strategy: string()
    .min(1)
    .max(64)
    .optional()
    .describe("autoregressive, dynamo, verified, or one of the operator's. Default: dynamo for several heads."),
  backoff: share.optional().describe("ε_b: 0 always emits all heads' tokens, 1 always one."),
  maskStrength: share.optional().describe("α_c: how much the co-occurrence mask counts."),
  joint: oneOf(jointKinds)
    .optional()
    .describe(
      "The joint of the paper (counts), of heads that know the tokens between (learned), or tokens drawn one after the other from these (chain, the default of models with conditional parts).",
    ),
  sources: array(oneOf(draftSourceNames))
    .min(1)
    .max(draftSourceNames.length)
    .optional()
    .describe(
      "Who drafts for verified: heads, lookup (what followed the same tokens earlier in the text), recycling (what was likely behind a token before). At each place the first that has something to say. Default: heads.",
    ),
  drafts: union([literal("auto"), int().min(1).max(15)], { error: `expected "auto" or a whole number from 1 to 15` })
    .optional()
    .describe("Tokens drafted for a pass; auto: as many as pay. Default: one a head, or 4."),
  adaptive: boolean().optional().describe("Otsu's threshold."),
  blur: boolean().optional().describe("Blur the joint before Otsu's threshold."),
  dropMessages: boolean()
    .optional()
    .describe(
      "In a chat: false refuses a conversation that the context has no room for. Default: the oldest turns are left out.",
    ),
  trace: boolean().optional().describe("Each chunk of a stream tells its pass: order, candidates."),
});

const streamOptions = strictObject({
  include_usage: open(boolean()),
  include_obfuscation: ignored("nothing is added to a stream"),
  continuous_usage_stats: off("usage stands in the last event"),
});

const common = {
  model: open(string().min(1).max(500)).describe("Default: the first model served."),
  temperature: open(number().min(0).max(2)).describe("Default: what the model's folder recommends, or 0.7."),
  top_p: open(share).describe("0 leaves the likeliest token only."),
  min_p: open(share).describe("Tokens less likely than this share of the likeliest are left out."),
  typical_p: open(number().gt(0).max(1)).describe("Locally typical sampling; 1 is none."),
  top_k: open(
    int()
      .min(-1)
      .max(1024)
      .transform((k) => (k > 0 ? k : undefined)),
  ).describe("Candidates of each head. Default, also for 0 and -1: the model's, or 50."),
  repetition_penalty: open(number().gt(0).max(10)).describe(
    "1 is none. Default: the model's, or 1.1; 1 at temperature 0.",
  ),
  repeat_penalty: open(number().gt(0).max(10)).describe("llama.cpp's name of repetition_penalty."),
  presence_penalty: open(penalty),
  frequency_penalty: open(penalty),
  logit_bias: open(record(string(), number().min(-100).max(100))).describe("By token id: -100 bans it, 100 forces it."),
  n: open(int().min(1).max(mostChoices)),
  seed: open(
    int()
      .min(-1)
      .transform((seed) => (seed < 0 ? undefined : seed)),
  ).describe("Same seed, same text, whoever else is served. Default, also for -1: random."),
  stop: open(union([stopString, array(stopString).max(16)])),
  stop_token_ids: open(array(tokenId).max(128)).describe("They end the text, as end-of-text does."),
  ignore_eos: open(boolean()).describe("Write on behind the end of a text."),
  min_tokens: open(int().min(0)).describe("The text does not end before it has so many."),
  stream: open(boolean()),
  stream_options: open(streamOptions),
  cache_salt: open(string().min(1).max(1024)).describe(
    "Requests of one salt share what was computed, and with no other.",
  ),
  user: open(string().max(500)).describe("Whose request it is: users take turns in the queue."),
  dynamo: open(dynamo),
  ...foreignCommon,
};

export const completionBody = strictObject({
  ...common,
  prompt: union([
    string(),
    array(tokenId).min(1),
    array(string()).min(1).max(mostChoices),
    array(array(tokenId).min(1)).min(1).max(mostChoices),
  ]).describe("Text, token ids, or a list of either."),
  max_tokens: open(limit(0)).describe(
    "Default 16. -1: what the context has room for. 0 writes nothing: with echo and logprobs, the prompt's alone.",
  ),
  echo: open(boolean()).describe("The prompt before the text; with logprobs, its tokens have theirs too."),
  add_special_tokens: open(boolean()).describe(
    "Begin-of-text before a prompt of text, where the model has one. Default true.",
  ),
  logprobs: open(int().min(0).max(20)),
  best_of: open(int().min(1)).describe("As many as n."),
  ...foreignCompletion,
});

export const chatBody = strictObject({
  ...common,
  messages: chatMessages,
  max_tokens: open(tokenLimit).describe(
    "Default: what the model's folder recommends, else what the context has room for, as for -1.",
  ),
  max_completion_tokens: open(tokenLimit).describe("Counts before max_tokens."),
  logprobs: open(boolean()),
  top_logprobs: open(int().min(0).max(20)),
  chat_template_kwargs: open(record(string().max(100), unknown())).describe("Variables of the model's template."),
  ...foreignChat,
});

export type CompletionBody = Infer<typeof completionBody>;
export type ChatBody = Infer<typeof chatBody>;
