/** Every parameter that OpenAI's clients, llama.cpp's and vLLM's users send: its decision, and that the schemas carry it out. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { toJSONSchema, type ZodType } from "zod";
import { membersOf } from "../../test/openai-types.js";
import { ApiError } from "./errors.js";
import { chatJob, completionJob } from "./job.js";
import { chatBody, completionBody } from "./schemas.js";
import { validated } from "./validate.js";

type Decision = "done" | "ignored" | "only";

const messages = [{ role: "user", content: "Hello" }];
const apis = {
  completions: { schema: completionBody, least: { prompt: "Hello" } },
  chat: { schema: chatBody, least: { messages } },
} as const;
type Api = keyof typeof apis;
const both: readonly Api[] = ["completions", "chat"];

function decisionsOf(schema: ZodType): Map<string, Decision> {
  const { properties = {} } = toJSONSchema(schema, { io: "input" }) as { properties?: Record<string, object> };
  return new Map(
    Object.entries(properties).map(([name, { description = "" }]: [string, { description?: string }]) => [
      name,
      description.startsWith("Ignored: ") ? "ignored" : description.startsWith("Only ") ? "only" : "done",
    ]),
  );
}

function faultOf(api: Api, change: object): ApiError | undefined {
  const { schema, least } = apis[api];
  try {
    const body = validated(schema as ZodType, { ...least, ...change });
    if (api === "chat") chatJob(body as never, { key: "", owner: "" });
    else completionJob(body as never, { key: "", owner: "" });
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

/** llama.cpp's tools/server (its schema of a completion) and vLLM's protocol.py of both routes, as of November 2026. */
const llamaCpp =
  `verbose timings_per_token stream stream_options cache_prompt return_tokens return_progress sse_ping_interval
  n_predict n_indent n_keep n_discard n_cmpl n_cache_reuse t_max_predict_ms response_fields top_k top_p top_n_sigma
  xtc_probability xtc_threshold temperature dynatemp_range dynatemp_exponent repeat_last_n repeat_penalty frequency_penalty
  presence_penalty dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers mirostat mirostat_tau
  mirostat_eta adaptive_target adaptive_decay seed n_probs min_keep backend_sampling post_sampling_probs lora json_schema
  grammar grammar_lazy min_p typical_p ignore_eos parse_tool_calls preserved_tokens grammar_triggers logit_bias stop samplers id_slot`.split(
    /\s+/,
  );
const llamaCppChat =
  `chat_format reasoning_format generation_prompt chat_parser continue_final_message echo reasoning_control
  reasoning_budget_tokens reasoning_budget_start_tag reasoning_budget_end_tags reasoning_budget_end_tag
  reasoning_budget_message thinking_budget_tokens add_generation_prompt chat_template_kwargs`.split(/\s+/);
const vllm =
  `model frequency_penalty logit_bias logprobs max_tokens n presence_penalty seed stop stream stream_options temperature
  top_p user use_beam_search top_k min_p min_tokens stop_token_ids ignore_eos repetition_penalty watermarking length_penalty include_stop_str_in_output
  skip_special_tokens spaces_between_special_tokens truncate_prompt_tokens truncation_side prompt_logprobs logprob_token_ids
  allowed_token_ids bad_words response_format structured_outputs priority request_id session_id return_tokens_as_token_ids
  return_token_ids routed_experts_prompt_start return_token_offsets return_mm_kwargs cache_salt kv_transfer_params
  ec_transfer_params vllm_xargs repetition_detection thinking_token_budget stream_interval echo`.split(/\s+/);
const vllmCompletion = "prompt suffix prompt_embeds add_special_tokens".split(" ");
const vllmChat =
  `chat_template_kwargs messages top_logprobs max_completion_tokens tools tool_choice reasoning_effort include_reasoning
  parallel_tool_calls add_generation_prompt continue_final_message add_special_tokens documents chat_template media_io_kwargs
  mm_processor_kwargs return_prompt_text`.split(/\s+/);

describe("each known parameter has a decision", () => {
  it.each([
    ["completions", membersOf("resources/completions", "CompletionCreateParamsBase")],
    ["chat", membersOf("resources/chat/completions/completions", "ChatCompletionCreateParamsBase")],
    ["completions", [...llamaCpp, ...vllm, ...vllmCompletion]],
    ["chat", [...llamaCpp, ...llamaCppChat, ...vllm, ...vllmChat]],
  ] as const)("%s", (api, names) => {
    expect(names.length).toBeGreaterThan(15);
    const known = decisionsOf(apis[api].schema);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it("and null, which asks for nothing, is taken for each that may be left out", () => {
    for (const api of both)
      for (const name of decisionsOf(apis[api].schema).keys())
        if (!(name in apis[api].least)) expect(faultOf(api, { [name]: null }), name).toBeUndefined();
  });
});

/** Each with values that are taken, and values that are refused. */
const onlyNeutral: readonly (readonly [string, readonly Api[], readonly unknown[], readonly unknown[]])[] = [
  ["response_format", both, [{ type: "text" }], [{ type: "json_object" }, { type: "json_schema", json_schema: {} }]],
  ["verbose", both, [false], [true]],
  ["timings_per_token", both, [false], [true]],
  ["return_tokens", both, [false], [true]],
  ["return_progress", both, [false], [true]],
  ["post_sampling_probs", both, [false], [true]],
  ["response_fields", both, [], [[], ["content"]]],
  ["n_predict", both, [], [8, -1]],
  ["n_cmpl", both, [], [1]],
  ["n_probs", both, [0], [3]],
  ["n_indent", both, [0], [2]],
  ["n_keep", both, [0], [-1, 5]],
  ["n_discard", both, [0], [5]],
  ["t_max_predict_ms", both, [0, -1], [100]],
  ["top_n_sigma", both, [-1, 0], [1.5]],
  ["xtc_probability", both, [0], [0.5]],
  ["dynatemp_range", both, [0], [0.5]],
  ["dry_multiplier", both, [0], [0.8]],
  ["mirostat", both, [0], [1, 2]],
  ["adaptive_target", both, [-1], [0.5]],
  ["min_keep", both, [0, 1], [2]],
  ["repeat_last_n", both, [-1], [0, 64]],
  ["samplers", both, [], [["top_k"], "kp"]],
  ["lora", both, [[]], [[{ id: 0, scale: 1 }]]],
  ["json_schema", both, [], [{}]],
  ["grammar", both, [""], ['root ::= "a"']],
  ["grammar_lazy", both, [false], [true]],
  ["grammar_triggers", both, [[]], [["a"]]],
  ["preserved_tokens", both, [[]], [["a"]]],
  ["use_beam_search", both, [false], [true]],
  ["include_stop_str_in_output", both, [false], [true]],
  ["skip_special_tokens", both, [true], [false]],
  ["truncate_prompt_tokens", both, [], [-1, 100]],
  ["prompt_logprobs", both, [], [0, 1]],
  ["logprob_token_ids", both, [], [[1]]],
  ["allowed_token_ids", both, [], [[1]]],
  ["bad_words", both, [[]], [["bad"]]],
  ["structured_outputs", both, [], [{ regex: "a" }]],
  ["guided_json", both, [], [{}]],
  ["guided_regex", both, [], ["a"]],
  ["guided_choice", both, [], [["a"]]],
  ["guided_grammar", both, [], ["a"]],
  ["return_tokens_as_token_ids", both, [false], [true]],
  ["return_token_ids", both, [false], [true]],
  ["return_token_offsets", both, [false], [true]],
  ["return_prompt_text", both, [false], [true]],
  ["kv_transfer_params", both, [], [{}]],
  ["ec_transfer_params", both, [], [{}]],
  ["vllm_xargs", both, [], [{}]],
  ["repetition_detection", both, [], [{}]],
  ["thinking_token_budget", both, [-1], [0, 100]],
  ["watermarking", both, [false], [true]],
  ["suffix", ["completions"], [""], ["end"]],
  ["prompt_embeds", ["completions"], [], ["AAAA"]],
  ["tools", ["chat"], [[]], [[{ type: "function", function: { name: "f" } }]]],
  ["tool_choice", ["chat"], ["none", "auto"], ["required", { type: "function", function: { name: "f" } }]],
  ["functions", ["chat"], [[]], [[{ name: "f" }]]],
  ["function_call", ["chat"], ["none", "auto"], [{ name: "f" }]],
  ["modalities", ["chat"], [["text"]], [["text", "audio"], []]],
  ["audio", ["chat"], [], [{ voice: "alloy", format: "wav" }]],
  ["moderation", ["chat"], [], [{}]],
  ["web_search_options", ["chat"], [], [{}]],
  ["verbosity", ["chat"], ["medium"], ["low", "high"]],
  ["reasoning_effort", ["chat"], [], ["none", "minimal", "low", "medium", "high"]],
  ["reasoning_format", ["chat"], ["none", "auto"], ["deepseek"]],
  ["reasoning_control", ["chat"], [false], [true]],
  ["reasoning_budget_tokens", ["chat"], [-1], [0, 100]],
  ["thinking_budget_tokens", ["chat"], [-1], [0, 100]],
  ["echo", ["chat"], [false], [true]],
  ["add_generation_prompt", ["chat"], [true], [false]],
  ["continue_final_message", ["chat"], [false], [true]],
  ["add_special_tokens", ["chat"], [false], [true]],
  ["documents", ["chat"], [[]], [[{ text: "a" }]]],
  ["chat_template", ["chat"], [], ["{{ messages }}"]],
  ["chat_format", ["chat"], [], [0]],
  ["chat_parser", ["chat"], [], ["x"]],
  ["generation_prompt", ["chat"], [], ["x"]],
  ["media_io_kwargs", ["chat"], [], [{}]],
  ["mm_processor_kwargs", ["chat"], [], [{}]],
];

describe("neutral values are taken, others are refused by name", () => {
  it.each(onlyNeutral)("%s", (name, where, taken, refused) => {
    for (const api of where) {
      for (const value of taken) expect(faultOf(api, { [name]: value }), JSON.stringify(value)).toBeUndefined();
      for (const value of [...refused, "nonsense", { a: 1 }])
        expect(faultOf(api, { [name]: value })?.body.error, JSON.stringify(value)).toMatchObject({
          message: expect.stringMatching(new RegExp(`^${name}: not supported: expected .*, received `)) as unknown,
          param: name,
        });
    }
  });

  it.each(both)("the table is whole: %s", (api) => {
    const inTable = onlyNeutral.flatMap(([name, where]) => (where.includes(api) ? [name] : []));
    const inSchema = [...decisionsOf(apis[api].schema)].flatMap(([name, what]) => (what === "only" ? [name] : []));
    expect(inSchema.sort()).toEqual(inTable.sort());
  });
});

it("what is ignored has no effect, whatever it is", () => {
  for (const api of both) {
    const ignored = [...decisionsOf(apis[api].schema)].flatMap(([name, what]) => (what === "ignored" ? [name] : []));
    expect(ignored).toEqual(expect.arrayContaining(["metadata", "store", "safety_identifier", "service_tier"]));
    const { schema, least } = apis[api];
    const plain: unknown = validated(schema as ZodType, least);
    for (const value of [true, "auto", 7, { a: "b" }, ["x"]]) {
      const body: unknown = validated(schema as ZodType, {
        ...least,
        ...Object.fromEntries(ignored.map((name) => [name, value])),
      });
      expect(JSON.stringify(body)).toBe(JSON.stringify(plain));
    }
  }
});

it("a name that no server knows is refused", () => {
  for (const api of both)
    expect(faultOf(api, { max_token: 3 })?.body.error).toMatchObject({
      message: "max_token: this parameter is not supported",
      param: "max_token",
    });
});

describe("values that mean: not set", () => {
  const job = (change: object) =>
    completionJob(validated(completionBody, { prompt: "a", ...change }), { key: "", owner: "" }).requests[0];
  it("top_k, seed, model, limits, stop strings", () => {
    const plain = job({});
    for (const change of [{ top_k: 0 }, { top_k: -1 }, { seed: -1 }, { model: null }, { stop: "" }, { stop: [] }])
      expect(job(change)).toEqual(plain);
    expect(job({ stop: ["", "x"] })?.stop).toEqual(["x"]);
    expect(job({ max_tokens: -1 })?.maxNewTokens).toBe(Infinity);
    expect(job({ top_p: 0 })?.strategy.topP).toBe(Number.MIN_VALUE);
    expect(job({ repeat_penalty: 1.2 })?.strategy.repetitionPenalty).toBe(1.2);
    expect(faultOf("completions", { repeat_penalty: 1.2, repetition_penalty: 1.3 })?.body.error.param).toBe(
      "repeat_penalty",
    );
    for (const change of [{ top_k: -2 }, { seed: -2 }, { max_tokens: -2 }])
      expect(faultOf("completions", change)?.body.error.param).toBe(Object.keys(change)[0]);
    expect(faultOf("chat", { logprobs: false, top_logprobs: 0 })).toBeUndefined();
    expect(faultOf("chat", { top_logprobs: 1 })?.body.error.param).toBe("top_logprobs");
    for (const api of both)
      expect(faultOf(api, { stream_options: { include_usage: true, include_obfuscation: false } })).toBeUndefined();
  });
});

describe("messages", () => {
  /** OpenAI's type of an answer's message, and what other servers put beside it. */
  const answer = {
    role: "assistant",
    content: "Hi!",
    refusal: null,
    annotations: [],
    audio: null,
    function_call: null,
    tool_calls: [],
    name: null,
    reasoning_content: null,
    reasoning: "",
    id: "msg-1",
  };
  const promptOf = (...more: object[]): unknown =>
    chatJob(validated(chatBody, { messages: [...messages, ...more, ...messages] }), { key: "", owner: "" }).requests[0]
      ?.prompt;
  const plain = promptOf({ role: "assistant", content: "Hi!" });

  it("an answer is history as it stands", () => {
    const known = [...membersOf("resources/chat/completions/completions", "ChatCompletionMessage")];
    expect(known.filter((name) => !(name in answer))).toEqual([]);
    expect(promptOf(answer)).toEqual(plain);
    expect(promptOf({ role: "assistant", content: [{ type: "text", text: "Hi!" }] })).toEqual(plain);
  });

  it("an answer without text is an empty one; a question needs some", () => {
    const empty = promptOf({ role: "assistant", content: "" });
    expect(promptOf({ role: "assistant", content: null })).toEqual(empty);
    expect(promptOf({ role: "assistant" })).toEqual(empty);
    expect(faultOf("chat", { messages: [{ role: "user", content: null }] })?.body.error.param).toBe(
      "messages.0.content",
    );
  });

  it("begin-of-text is the template's to write, and stands before a prompt of text", () => {
    const asker = { key: "", owner: "" };
    expect(chatJob(validated(chatBody, { messages }), asker).requests[0]?.beginOfText).toBe(false);
    expect(completionJob(validated(completionBody, { prompt: "a" }), asker).requests[0]?.beginOfText).toBe(true);
    expect(chatJob(validated(chatBody, { messages }), asker).requests[0]?.maxNewTokens).toBeUndefined();
  });

  it("a name reaches the template", () => {
    expect(promptOf({ role: "user", content: "x", name: "Ann" })).toMatchObject({
      messages: [{}, { role: "user", content: "x", name: "Ann" }, {}],
    });
  });

  it.each([
    [{ role: "assistant", content: null, tool_calls: [{ id: "1" }] }, "messages.1.tool_calls", /not supported/],
    [{ role: "assistant", refusal: "no" }, "messages.1.refusal", /not supported: expected null or ""/],
    [{ role: "assistant", content: "a", reasoning_content: "b" }, "messages.1.reasoning_content", /not supported/],
    [{ role: "tool", content: "a", tool_call_id: "1" }, "messages.1.role", /system, developer, user or assistant/],
    [{ role: "user", content: [{ type: "image_url", image_url: {} }] }, "messages.1.content.0.type", /type "text"/],
    [{ role: "user", content: "a", nmae: "b" }, "messages.1.nmae", /this parameter is not supported/],
  ])("%j is refused", (message, param, expected) => {
    const { error } = faultOf("chat", { messages: [...messages, message] })?.body ?? {};
    expect(error?.param).toBe(param);
    expect(error?.message).toMatch(expected);
  });
});

it("the README lists every parameter with its decision", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const listed = (title: string): string => readme.split(`- **${title}**`)[1]?.split(/^(?:- \*\*|\n)/m)[0] ?? "";
  const lists = { done: listed("Done"), ignored: listed("Ignored"), only: listed("Refused") };
  for (const api of both)
    for (const [name, what] of decisionsOf(apis[api].schema)) expect(lists[what], name).toContain(`\`${name}\``);
});
