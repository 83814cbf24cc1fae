/** The bodies of the OpenAI API's requests that this server takes. A field that is not here is refused by its name. */
import {
  array,
  boolean,
  int,
  literal,
  number,
  object,
  record,
  strictObject,
  string,
  union,
  enum as oneOf,
  type infer as Infer,
  type ZodType,
} from "zod";

/** Texts of one request, all prompts together. */
export const mostChoices = 128;

/** Clients send null for what they leave open. */
const open = <Schema extends ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined);

const tokenId = int()
  .min(0)
  .max(2 ** 31 - 1);
const share = number().min(0).max(1);
const penalty = number().min(-2).max(2);
const stopString = string().min(1).max(1000);

const dynamo = strictObject({
  strategy: oneOf(["autoregressive", "dynamo", "verified"]).optional().describe("Default: dynamo for several heads."),
  backoff: share.optional().describe("ε_b: 0 always emits all heads' tokens, 1 always one."),
  maskStrength: share.optional().describe("α_c: how much the co-occurrence mask counts."),
  adaptive: boolean().optional().describe("Otsu's threshold."),
  blur: boolean().optional().describe("Blur the joint before Otsu's threshold."),
  trace: boolean().optional().describe("Each chunk of a stream tells its pass: order, candidates."),
});

const common = {
  model: string().min(1).max(500).optional().describe("Default: the first model served."),
  temperature: open(number().min(0).max(2)).describe("Default: what the model's folder recommends, or 0.7."),
  top_p: open(number().gt(0).max(1)),
  top_k: open(int().min(1).max(1024)).describe("Candidates of each head. Default: the model's, or 50."),
  repetition_penalty: open(number().gt(0).max(10)).describe("1 is none. Default: the model's, or 1.1."),
  presence_penalty: open(penalty),
  frequency_penalty: open(penalty),
  logit_bias: open(record(string(), number().min(-100).max(100))).describe("By token id: -100 bans it, 100 forces it."),
  n: open(int().min(1).max(mostChoices)),
  seed: open(int().min(0)).describe("Same seed, same text, whoever else is served."),
  stop: open(union([stopString, array(stopString).max(16)])),
  stream: open(boolean()),
  stream_options: open(strictObject({ include_usage: boolean().optional() })),
  user: open(string().max(500)).describe("Whose request it is: users take turns in the queue."),
  dynamo: open(dynamo),
};

export const completionBody = strictObject({
  ...common,
  prompt: union([
    string(),
    array(tokenId).min(1),
    array(string()).min(1).max(mostChoices),
    array(array(tokenId).min(1)).min(1).max(mostChoices),
  ]).describe("Text, token ids, or a list of either."),
  max_tokens: open(int().min(1)).describe("Default 16."),
  echo: open(boolean()).describe("The prompt before the text."),
  logprobs: open(int().min(0).max(20)),
  best_of: open(int().min(1)).describe("Only as many as n."),
  suffix: literal(null, { error: "not supported: these models write on, they do not fill in" }).optional(),
});

const textPart = object({ type: literal("text"), text: string() });

export const chatBody = strictObject({
  ...common,
  messages: array(
    strictObject({
      role: oneOf(["system", "developer", "user", "assistant"]),
      content: union([string(), array(textPart)]),
      name: string().optional(),
    }),
  )
    .min(1)
    .max(10_000),
  max_tokens: open(int().min(1)).describe("Default: what the context has room for."),
  max_completion_tokens: open(int().min(1)),
  logprobs: open(boolean()),
  top_logprobs: open(int().min(0).max(20)),
  response_format: open(strictObject({ type: literal("text", { error: 'only {"type": "text"} is supported' }) })),
});

export type CompletionBody = Infer<typeof completionBody>;
export type ChatBody = Infer<typeof chatBody>;
