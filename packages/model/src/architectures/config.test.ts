import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configJson } from "../checkpoint/config-json.js";
import { rotaryOf } from "../../test/rotary-of.js";
import { parseConfig } from "./config.js";

/** The keys of pythia-70m's config.json that are read. */
const pythia = {
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  vocab_size: 50_304,
  hidden_size: 512,
  num_hidden_layers: 6,
  num_attention_heads: 8,
  intermediate_size: 2048,
  rotary_pct: 0.25,
  rotary_emb_base: 10_000,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 2048,
  hidden_act: "gelu",
  use_parallel_residual: true,
  tie_word_embeddings: false,
  bos_token_id: 0,
  eos_token_id: 0,
};

const without = (...keys: string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(pythia).filter(([key]) => !keys.includes(key)));

const refused = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe("parseConfig", () => {
  it("reads Pythia's config.json", () => {
    expect(parseConfig(pythia)).toEqual({
      modelType: "gpt_neox",
      vocabularySize: 50_304,
      hiddenSize: 512,
      layers: 6,
      attentionHeads: 8,
      keyValueHeads: 8,
      headSize: 64,
      intermediateSize: 2048,
      contextLength: 2048,
      tiedEmbeddings: false,
      beginOfTextId: 0,
      eosTokenIds: [0],
      tokenHeads: 1,
      untrainedHeads: [],
      headKind: "decoder",
      headLayers: 1,
      headInput: "stem",
      ownOutputEmbedding: false,
      raw: pythia,
    });
  });

  it("reads DynaMo's keys", () => {
    const config = parseConfig({ ...pythia, dynamo: { token_heads: 4, untrained_heads: [4, 3, 4] } });
    expect([config.tokenHeads, config.untrainedHeads]).toEqual([4, [3, 4]]);
  });

  it("reads what the token heads are made of, and writes it back", () => {
    const dynamo = { token_heads: 3, head_layers: 2, head_input: "previous", own_output_embedding: true };
    const config = parseConfig({ ...pythia, dynamo });
    expect([config.headLayers, config.headInput, config.ownOutputEmbedding]).toEqual([2, "previous", true]);
    expect(configJson(config)).toEqual({ ...pythia, dynamo });
    expect(configJson(parseConfig(pythia))).toEqual({ ...pythia, dynamo: { token_heads: 1 } });
  });

  it("takes one end-of-text token, several, or none", () => {
    expect(parseConfig({ ...pythia, eos_token_id: [5, 7] }).eosTokenIds).toEqual([5, 7]);
    expect(parseConfig({ ...pythia, eos_token_id: null, bos_token_id: null })).toMatchObject({
      eosTokenIds: [],
      beginOfTextId: undefined,
    });
  });

  it.each([
    ["rotary_emb_base", pythia, 10_000],
    // As transformers 5.18 does for this family.
    ["rope_theta, which is another family's", { ...without("rotary_emb_base"), rope_theta: 5000 }, 10_000],
    [
      "rope_scaling before rope_parameters",
      { ...pythia, rope_scaling: { rope_theta: 77 }, rope_parameters: { rope_theta: 3 } },
      77,
    ],
    [
      "rope_parameters",
      { ...without("rotary_emb_base"), rope_parameters: { rope_theta: 7000, rope_type: "default" } },
      7000,
    ],
    ["nothing: Hugging Face's default", without("rotary_emb_base"), 10_000],
  ])("takes the rotary base from %s", (_, json, base) => {
    // f₁ = base^(-2/16)
    expect(rotaryOf(parseConfig(json))?.frequencies[1]).toBeCloseTo(base ** -0.125, 12);
  });

  it("takes the rotary share from rope_parameters, and cuts off fractions of dimensions", () => {
    expect(
      rotaryOf(parseConfig({ ...without("rotary_pct"), rope_parameters: { partial_rotary_factor: 0.5 } }))?.dimensions,
    ).toBe(32);
    expect(rotaryOf(parseConfig({ ...pythia, rope_parameters: { partial_rotary_factor: 0.5 } }))?.dimensions).toBe(32);
    // 64 · 0.29 = 18.56
    expect(rotaryOf(parseConfig({ ...pythia, rotary_pct: 0.29 }))?.dimensions).toBe(18);
  });

  it.each([
    ["another architecture", { model_type: "bert" }, /expected model_type .*"gpt_neox".*"llama".*received "bert"/],
    ["no architecture", { model_type: undefined }, /received nothing/],
    [
      "a classifier",
      { architectures: ["GPTNeoXForSequenceClassification"] },
      /expected architectures.*received \["GPTNeoXForS/,
    ],
    ["another activation", { hidden_act: "relu6" }, /expected hidden_act one of "gelu", "gelu_new".*received "relu6"/],
    [
      "a kind of rotary embeddings that is not computed",
      { rope_parameters: { rope_type: "ntk" } },
      /rope_parameters.rope_type one of "default", "linear".*received "ntk"/,
    ],
    ["the older name of it", { rope_scaling: { type: "mrope" } }, /rope_scaling.type one of .*received "mrope"/],
    ["rotary embeddings by layer", { rope_parameters: { full_attention: { rope_type: "default" } } }, /for all layers/],
    ["quantised weights", { quantization_config: { bits: 4 } }, /no quantization_config \(quantised weights/],
    ["windows", { sliding_window: 512 }, /sliding_window/],
    ["layers of kinds", { layer_types: ["full_attention"] }, /layer_types/],
    ["shared keys", { num_key_value_heads: 2 }, /num_key_value_heads/],
    ["an encoder", { is_encoder_decoder: true }, /is_encoder_decoder/],
    ["other heads", { head_dim: 32 }, /head_dim/],
    ["heads taken out", { pruned_heads: { 1: [2] } }, /pruned_heads/],
  ])("refuses %s as unsupported", (_, change, message) => {
    expect(() => parseConfig({ ...pythia, ...change })).toThrow(refused("unsupported", message));
  });

  it.each([
    ["vocab_size 0", { vocab_size: 0 }, /vocab_size must be a whole number from 1 to 1048576, received 0/],
    ["a vocabulary past the cap", { vocab_size: 2 ** 20 + 1 }, /vocab_size/],
    ["a hidden size past the cap", { hidden_size: 2 ** 17 }, /hidden_size/],
    ["513 layers", { num_hidden_layers: 513 }, /num_hidden_layers/],
    ["no layers", { num_hidden_layers: undefined }, /num_hidden_layers.*received nothing/],
    ["too long a context", { max_position_embeddings: 2 ** 20 + 1 }, /max_position_embeddings/],
    ["half a head", { num_attention_heads: 7 }, /hidden_size 512 is no multiple of num_attention_heads 7/],
    ["text for a number", { hidden_size: "512" }, /received "512"/],
    ["an odd number of rotary dimensions", { rotary_pct: 17 / 64 }, /gives 17 dimensions, expected an even number/],
    ["no rotary dimensions", { rotary_pct: 0.001 }, /gives 0 dimensions/],
    ["rotary_pct above 1", { rotary_pct: 1.25 }, /rotary_pct/],
    ["a rotary base of 0", { rotary_emb_base: 0 }, /rotary_emb_base must be a number above 0/],
    ["epsilon -1", { layer_norm_eps: -1 }, /layer_norm_eps/],
    ["an end of text outside the vocabulary", { eos_token_id: 50_304 }, /eos_token_id.*below 50304/],
    ["5 token heads", { dynamo: { token_heads: 5 } }, /token_heads must be a whole number from 1 to 4, received 5/],
    ["0 token heads", { dynamo: { token_heads: 0 } }, /token_heads/],
    ["3 layers a head", { dynamo: { head_layers: 3 } }, /head_layers must be a whole number from 1 to 2, received 3/],
    ["heads on another layer", { dynamo: { head_input: "first" } }, /head_input must be one of stem, last, previous/],
    ["an untrained head that is not there", { dynamo: { token_heads: 2, untrained_heads: [3] } }, /heads from 2 to 2/],
    ["dynamo as a number", { dynamo: 3 }, /dynamo must be an object/],
    ["both names of a kind", { rope_parameters: { rope_type: "default", type: "dynamic" } }, /disagree/],
    ["a factor of 0", { rope_scaling: { type: "linear", factor: 0 } }, /rope_scaling.factor must be a number above 0/],
    ["scaling without its factor", { rope_scaling: { type: "linear" } }, /rope_scaling.factor.*received nothing/],
    ["rotary embeddings as a number", { rope_parameters: 3 }, /rope_parameters must be an object, received 3/],
    ["text for a flag", { tie_word_embeddings: "no" }, /tie_word_embeddings must be true or false/],
  ])("refuses %s", (_, change, message) => {
    expect(() => parseConfig({ ...pythia, ...change })).toThrow(refused("invalid-file", message));
  });

  it.each([[null], [[]], ["text"], [3], [undefined]])("refuses %j, which is no object", (json) => {
    expect(() => parseConfig(json)).toThrow(refused("invalid-file", /expected an object/));
  });

  it("gives values within its bounds or refuses, whatever is changed", () => {
    const extreme = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.constantFrom(0, -1, 2 ** 31, 2 ** 60, 1e308, null, true, "", {}),
      fc.jsonValue(),
    );
    const keys = [...Object.keys(pythia), "dynamo", "rope_parameters", "rope_theta", "rope_scaling", "attention_bias"];
    const own = fc.record(
      {
        token_heads: extreme,
        untrained_heads: extreme,
        head_layers: extreme,
        head_input: extreme,
        own_output_embedding: extreme,
      },
      { requiredKeys: [] },
    );
    const change = fc.dictionary(fc.constantFrom(...keys), fc.oneof(extreme, own), { maxKeys: 4 });
    fc.assert(
      fc.property(change, (changed) => {
        try {
          const config = parseConfig({ ...pythia, ...changed });
          expect(config.headSize * config.attentionHeads).toBe(config.hiddenSize);
          const { dimensions = 0 } = rotaryOf(config) ?? {};
          expect(dimensions % 2).toBe(0);
          expect(dimensions).toBeLessThanOrEqual(config.headSize);
          expect(config.vocabularySize * config.hiddenSize).toBeLessThanOrEqual(2 ** 36);
          expect(config.tokenHeads).toBeLessThanOrEqual(4);
          expect(config.headLayers).toBeLessThanOrEqual(2);
        } catch (error) {
          expect(DynamoError.is(error) ? error.code : error).toMatch(/^(invalid-file|unsupported)$/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses nesting that would overflow the stack of a careless message", () => {
    const deep: unknown = JSON.parse("[".repeat(2e5) + "]".repeat(2e5));
    for (const key of ["model_type", "hidden_size", "eos_token_id", "rope_scaling", "dynamo", "architectures"]) {
      expect(() => parseConfig({ ...pythia, [key]: deep })).toThrow(DynamoError);
    }
  });
});
