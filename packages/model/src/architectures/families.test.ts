/** Configurations of every family that are wrong: refused by name, never with a raw error; what is taken can be built. */
import { readdirSync, readFileSync } from "node:fs";
import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { buildGraph } from "../graph/graph.js";
import { configWarnings, parseConfig } from "./config.js";
import { baseShapes, headShapes } from "./tensor-names.js";

const fixtures = new URL("../../test/__fixtures__/families/", import.meta.url);
const jsonOf = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`${name}/config.json`, fixtures), "utf8")) as Record<string, unknown>;

const refused = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

test.each([
  [
    "llama",
    { num_key_value_heads: 3 },
    "invalid-file",
    /num_attention_heads 4 is no multiple of num_key_value_heads 3/,
  ],
  ["llama", { num_key_value_heads: 5 }, "invalid-file", /num_key_value_heads must be a whole number from 1 to 4/],
  ["llama", { head_dim: null, num_attention_heads: 5, num_key_value_heads: 5 }, "invalid-file", /no multiple of/],
  ["llama", { head_dim: 7 }, "invalid-file", /gives 7 dimensions, expected an even number/],
  ["llama", { hidden_act: "relu" }, "unsupported", /expected hidden_act one of "silu"/],
  [
    "llama-3",
    { rope_scaling: { rope_type: "llama3", factor: 8 } },
    "invalid-file",
    /low_freq_factor.*received nothing/,
  ],
  [
    "llama-3",
    {
      rope_scaling: {
        rope_type: "llama3",
        factor: 8,
        low_freq_factor: 4,
        high_freq_factor: 4,
        original_max_position_embeddings: 16,
      },
    },
    "invalid-file",
    /high_freq_factor must be above low_freq_factor 4, received 4/,
  ],
  ["mistral", { sliding_window: 0 }, "invalid-file", /sliding_window must be a whole number from 1/],
  ["qwen2", { layer_types: ["full_attention"] }, "invalid-file", /layer_types must name 3 layers/],
  ["gemma3", { layer_types: Array(4).fill("chunked_attention") }, "unsupported", /received "chunked_attention"/],
  ["gemma3", { final_logit_softcapping: 0 }, "invalid-file", /final_logit_softcapping must be a number above 0/],
  ["gemma3", { use_bidirectional_attention: true }, "unsupported", /attention to later tokens/],
  ["smollm3", { no_rope_layers: [1, 1, 2, 0] }, "invalid-file", /no_rope_layers must be 4 times 0 or 1/],
  ["granite", { logits_scaling: 0 }, "invalid-file", /logits_scaling must be a number above 0/],
  ["gpt2", { scale_attn_by_inverse_layer_idx: true }, "unsupported", /scale_attn_by_inverse_layer_idx/],
  ["gpt2", { n_head: 5 }, "invalid-file", /n_embd 24 is no multiple of n_head 5/],
  ["lfm2", { layer_types: ["conv"] }, "invalid-file", /layer_types must name 4 layers, received \["conv"\]/],
  ["lfm2", { layer_types: Array(4).fill("conv") }, "unsupported", /a layer of "full_attention" at least, received 4/],
  ["lfm2", { layer_types: Array(4).fill("linear_attention") }, "unsupported", /received "linear_attention"/],
  ["lfm2", { conv_L_cache: 1 }, "invalid-file", /conv_L_cache must be a whole number from 2 to 64, received 1/],
  ["lfm2", { num_attention_heads: 5 }, "invalid-file", /hidden_size 24 is no multiple of num_attention_heads 5/],
  ["lfm2-biases", { full_attn_idxs: [1, 4] }, "invalid-file", /full_attn_idxs must list layers from 0 to 3/],
  ["lfm2-biases", { full_attn_idxs: [] }, "unsupported", /received 4 of "conv"/],
  [
    "lfm2-biases",
    { block_ffn_dim_multiplier: 1e9 },
    "invalid-file",
    /block_ffn_dim_multiplier 1000000000 give a width/,
  ],
  ["qwen3", { model_type: "qwen3_5_text" }, "unsupported", /received "qwen3_5_text": its gated delta rule keeps/],
  ["qwen3", { quantization_config: { bits: 4 } }, "unsupported", /quantised weights/],
  ["qwen3", { architectures: ["Qwen3ForSequenceClassification"] }, "unsupported", /Qwen3ForCausalLM/],
])("%s %j", (name, changes, code, message) => {
  expect(() => parseConfig({ ...jsonOf(name), ...changes })).toThrow(refused(code, message));
});

describe.each(readdirSync(fixtures))("%s", (name) => {
  const json = jsonOf(name);

  it("has no key that is not known", () => {
    expect(configWarnings(parseConfig(json))).toEqual([]);
    expect(configWarnings(parseConfig({ ...json, residual_gate: 2 }))).toEqual([
      "config.json: residual_gate 2 is not applied: this key is not known here",
    ]);
  });

  it("is refused, or has a graph, whatever is changed", () => {
    const extreme = fc.oneof(
      fc.integer({ min: -2, max: 40 }),
      fc.constantFrom(0, -1, 0.5, 2 ** 31, 1e308, null, true, "", {}, "linear"),
      fc.jsonValue(),
    );
    const changes = fc.dictionary(fc.constantFrom(...Object.keys(json), "rope_scaling"), extreme, { maxKeys: 3 });
    fc.assert(
      fc.property(changes, (changed) => {
        try {
          const config = parseConfig({ ...json, ...changed });
          if (config.layers > 8 || config.contextLength > 2 ** 16) return;
          expect(baseShapes(config).size + headShapes(config, 2).size).toBeGreaterThan(10);
          buildGraph(config, { dtype: "q4", activations: "int8" }, () => Promise.reject(new Error("no weights")), {});
        } catch (error) {
          expect(DynamoError.is(error) ? error.code : error).toMatch(/^(invalid-file|unsupported)$/);
        }
      }),
      { numRuns: 200 },
    );
  });
});
