import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { configWarnings, parseConfig } from "../architectures/config.js";
import { neoxConfigJson } from "../architectures/gpt-neox-size.js";
import { tokenizerConfig } from "../folder/tokenizer-config-keys.js";

const small = neoxConfigJson({
  vocabularySize: 10,
  hiddenSize: 16,
  layers: 1,
  attentionHeads: 2,
  contextLength: 8,
  rotaryPercent: 0.5,
  tokenHeads: 2,
});
const warningsOf = (change: object): string[] => {
  const json = { ...small, ...change };
  return configWarnings(parseConfig(json));
};

describe("config.json's keys", () => {
  it("are all known, as transformers writes them", async () => {
    const file = new URL("../__fixtures__/config-fields.json", import.meta.url);
    const { neox } = JSON.parse(await readFile(file, "utf8")) as { neox: Record<string, unknown> };
    expect(Object.keys(neox).length).toBeGreaterThan(25);
    expect(configWarnings(parseConfig(neox))).toEqual([]);
    expect(warningsOf({})).toEqual([]);
  });

  it.each([
    ["attn_window", 3, "config.json: attn_window 3 is not applied: this key is not known here"],
    ["temperature", 0.2, "config.json: temperature 0.2 is not applied: expected in generation_config.json"],
    ["rope_theta", 5, /rope_theta 5 is not applied: GPT-NeoX keeps it in rope_parameters/],
    ["partial_rotary_factor", 1, /partial_rotary_factor 1 is not applied/],
    ["auto_map", { AutoModel: "x" }, /auto_map \{ AutoModel \} is not applied: code that comes with a model/],
    ["rope_parameters", { factor: 2 }, /config.json: rope_parameters: factor 2 is not applied/],
    ["dynamo", { token_heads: 2, tokenHeads: 3 }, /config.json: dynamo: tokenHeads 3 is not applied/],
  ])("%s %j is named", (key, value, expected) => {
    expect(warningsOf({ [key]: value })).toEqual([
      typeof expected === "string" ? expected : expect.stringMatching(expected),
    ]);
  });

  it.each([
    ["temperature", 1],
    ["rope_theta", 10_000],
    ["partial_rotary_factor", 0.5],
    ["sliding_window", null],
    ["num_key_value_heads", 2],
    ["head_dim", 8],
    ["pruned_heads", {}],
    ["something", null],
  ])("%s %j changes nothing", (key, value) => {
    expect(warningsOf({ [key]: value })).toEqual([]);
  });
});

describe("tokenizer_config.json's keys", () => {
  const tokenizer = {
    added_tokens: [{ id: 0, content: "<|end|>", special: true }],
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "ByteLevel", add_prefix_space: false }] },
    model: { vocab: { a: 1 } },
  };
  const of = (config: unknown, specialTokens?: unknown): ReturnType<typeof tokenizerConfig> =>
    tokenizerConfig({ tokenizer, config, specialTokens });

  it("are known in files as published", () => {
    const published = {
      add_bos_token: true,
      add_eos_token: false,
      add_prefix_space: false,
      added_tokens_decoder: { 0: { content: "<|end|>", special: true }, 1: { content: "a" } },
      bos_token: "<|end|>",
      clean_up_tokenization_spaces: false,
      do_lower_case: false,
      eos_token: "<|end|>",
      extra_special_tokens: {},
      model_max_length: 1e30,
      pad_token: null,
      tokenizer_class: "GPTNeoXTokenizer",
      unk_token: { content: "<|end|>" },
    };
    expect(of(published).warnings).toEqual([]);
    expect(of(published).config).toBe(published);
    expect(of(undefined)).toEqual({ config: undefined, warnings: [] });
  });

  it.each([
    [
      { clean_up_tokenization_spaces: true },
      /clean_up_tokenization_spaces true is not applied: a text keeps its spaces/,
    ],
    [{ add_prefix_space: true }, /add_prefix_space true is not applied/],
    [{ add_bos_token: false }, /add_bos_token false/],
    [{ add_eos_token: true }, /add_eos_token true/],
    [{ split_special_tokens: true }, /split_special_tokens true/],
    [{ do_lower_case: true }, /do_lower_case true/],
    [{ added_tokens_decoder: { 1: { content: "b" } } }, /added_tokens_decoder .* expected the tokens/],
    [{ nonsense: 1 }, /nonsense 1 is not applied: this key is not known here/],
  ])("%j is named", (config, expected) => {
    expect(of(config).warnings).toEqual([expect.stringMatching(expected)]);
  });

  it("are filled from special_tokens_map.json, and what disagrees is named", () => {
    const map = { bos_token: "<s>", eos_token: { content: "</s>" }, additional_special_tokens: [] };
    expect(of({ eos_token: "</s>" }, map)).toEqual({ config: { eos_token: "</s>", bos_token: "<s>" }, warnings: [] });
    expect(of({ eos_token: "<|end|>" }, map).warnings).toEqual([
      'special_tokens_map.json: eos_token "</s>" is not applied: tokenizer_config.json names another',
    ]);
    expect(of(undefined, map).config).toEqual({ bos_token: "<s>", eos_token: { content: "</s>" } });
  });
});
