/**
 * Parameters of OpenAI's, llama.cpp's and vLLM's servers that are not done here, each with its decision: ignored when it cannot
 * change the text, taken when its value asks for nothing, refused otherwise.
 */
import { array, literal, number, strictObject, unknown } from "zod";
import { ignored, off, only, refused } from "./fields.js";

const none = (what: string) => only(array(unknown()).max(0), "[]", what);
const on = (what: string) => only(literal(true), "true", what);
const zero = (what: string) => only(literal(0), "0", what);

const instead = (name: string): string => `use ${name}`;
const without = (name: string): string => `it counts only with ${name}`;
const form = "the answer has OpenAI's form";
const noGrammar = "text is not bound to a form";
const sampler = "this sampler is not here";
const onlyText = "there is only text";
const noReasoning = "no reasoning stands beside the text";
const noTools = "there are no tools";
const cache = "prompts that begin alike share what was computed anyway";

const openai = {
  metadata: ignored("for the client's own records"),
  store: ignored("nothing is stored"),
  service_tier: ignored("a matter of speed"),
  safety_identifier: ignored("a name of the client's user"),
  prompt_cache_key: ignored(cache),
  prompt_cache_options: ignored(cache),
  prompt_cache_retention: ignored(cache),
  response_format: only(strictObject({ type: literal("text") }), '{"type": "text"}', noGrammar),
};

const llamaCpp = {
  cache_prompt: ignored(cache),
  n_cache_reuse: ignored(cache),
  id_slot: ignored("every slot writes the same text"),
  sse_ping_interval: ignored("a matter of the connection"),
  backend_sampling: ignored("where sampling runs"),
  parse_tool_calls: ignored(noTools),
  xtc_threshold: ignored(without("xtc_probability")),
  dynatemp_exponent: ignored(without("dynatemp_range")),
  dry_base: ignored(without("dry_multiplier")),
  dry_allowed_length: ignored(without("dry_multiplier")),
  dry_penalty_last_n: ignored(without("dry_multiplier")),
  dry_sequence_breakers: ignored(without("dry_multiplier")),
  mirostat_tau: ignored(without("mirostat")),
  mirostat_eta: ignored(without("mirostat")),
  adaptive_decay: ignored(without("adaptive_target")),
  verbose: off(form),
  timings_per_token: off(form),
  return_tokens: off(form),
  return_progress: off(form),
  post_sampling_probs: off("log-probabilities are the model's"),
  response_fields: refused(form),
  n_predict: refused(instead("max_tokens")),
  n_cmpl: refused(instead("n")),
  n_probs: zero(instead("logprobs")),
  n_indent: zero("lines are as the model writes them"),
  n_keep: zero("a prompt is never cut"),
  n_discard: zero("a prompt is never cut"),
  t_max_predict_ms: only(literal([-1, 0]), "-1 or 0", "the server's own limit counts"),
  top_n_sigma: only(number().max(0), "a number of at most 0", sampler),
  xtc_probability: zero(sampler),
  dynatemp_range: zero(sampler),
  dry_multiplier: zero(sampler),
  mirostat: zero(sampler),
  adaptive_target: only(number().lt(0), "a number below 0", sampler),
  min_keep: only(literal([0, 1]), "0 or 1", "one token is always kept"),
  repeat_last_n: only(literal(-1), "-1", "the penalty looks at the whole text"),
  samplers: refused("their order is fixed"),
  lora: none("a model is served as it is"),
  json_schema: refused(noGrammar),
  grammar: only(literal(""), '""', noGrammar),
  grammar_lazy: off(noGrammar),
  grammar_triggers: none(noGrammar),
  preserved_tokens: none(noGrammar),
};

const vllm = {
  priority: ignored("a matter of whose turn it is: see user"),
  request_id: ignored("the answer's id is the server's own; the header x-request-id is logged"),
  session_id: ignored(cache),
  stream_interval: ignored("how a stream is cut into pieces"),
  length_penalty: ignored(without("use_beam_search")),
  truncation_side: ignored(without("truncate_prompt_tokens")),
  spaces_between_special_tokens: ignored("special tokens are never shown"),
  routed_experts_prompt_start: ignored("for models of experts"),
  return_mm_kwargs: ignored(onlyText),
  use_beam_search: off(sampler),
  include_stop_str_in_output: off("a stop string is no part of the text"),
  skip_special_tokens: on("special tokens are never shown"),
  truncate_prompt_tokens: refused("a prompt is never cut"),
  prompt_logprobs: refused(`${instead("echo with logprobs")} of /v1/completions`),
  logprob_token_ids: refused("alternatives are the likeliest tokens"),
  allowed_token_ids: refused(instead("logit_bias")),
  bad_words: none(instead("logit_bias")),
  structured_outputs: refused(noGrammar),
  guided_json: refused(noGrammar),
  guided_regex: refused(noGrammar),
  guided_choice: refused(noGrammar),
  guided_grammar: refused(noGrammar),
  return_tokens_as_token_ids: off("tokens are text; those that are not have their ids"),
  return_token_ids: off(form),
  return_token_offsets: off(form),
  return_prompt_text: off(form),
  kv_transfer_params: refused("caches stay where they are"),
  ec_transfer_params: refused("caches stay where they are"),
  vllm_xargs: refused("extensions of another server"),
  repetition_detection: refused("a text ends at its stop conditions"),
  thinking_token_budget: only(literal(-1), "-1", noReasoning),
  watermarking: off(sampler),
};

export const foreignCommon = { ...openai, ...llamaCpp, ...vllm };

export const foreignCompletion = {
  suffix: only(literal(""), '""', "models here write on, they do not fill in"),
  prompt_embeds: refused("prompts are text or token ids"),
};

export const foreignChat = {
  tools: none(noTools),
  tool_choice: only(literal(["none", "auto"]), '"none" or "auto"', noTools),
  parallel_tool_calls: ignored(noTools),
  functions: none(noTools),
  function_call: only(literal(["none", "auto"]), '"none" or "auto"', noTools),
  modalities: only(array(literal("text")).min(1).max(1), '["text"]', onlyText),
  audio: refused(onlyText),
  prediction: ignored("a guess of the text, to be quicker"),
  moderation: refused("there is none here"),
  web_search_options: refused("there is no search here"),
  verbosity: only(literal("medium"), '"medium"', "the model is as verbose as it is"),
  reasoning_effort: refused("a template that knows it takes it in chat_template_kwargs"),
  include_reasoning: ignored(noReasoning),
  reasoning_format: only(literal(["none", "auto"]), '"none" or "auto"', noReasoning),
  reasoning_control: off(noReasoning),
  reasoning_budget_tokens: only(literal(-1), "-1", noReasoning),
  reasoning_budget_message: ignored(without("reasoning_budget_tokens")),
  reasoning_budget_start_tag: ignored(without("reasoning_budget_tokens")),
  reasoning_budget_end_tag: ignored(without("reasoning_budget_tokens")),
  reasoning_budget_end_tags: ignored(without("reasoning_budget_tokens")),
  thinking_budget_tokens: only(literal(-1), "-1", noReasoning),
  echo: off("an answer begins where the conversation ends"),
  add_generation_prompt: on("an answer begins a message"),
  continue_final_message: off("an answer begins a message"),
  add_special_tokens: off("the template writes them"),
  documents: none("a template that knows them takes them in chat_template_kwargs"),
  chat_template: refused("the model's own template counts"),
  chat_format: refused("the model's own template counts"),
  chat_parser: refused("an answer is text"),
  generation_prompt: refused("the model's own template counts"),
  media_io_kwargs: refused(onlyText),
  mm_processor_kwargs: refused(onlyText),
};
