import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseConfig } from "./config.js";
import { featuresOf } from "./features.js";

const of = (name: string, changes: object = {}) => {
  const file = new URL(`../../test/__fixtures__/families/${name}/config.json`, import.meta.url);
  return featuresOf(parseConfig({ ...(JSON.parse(readFileSync(file, "utf8")) as object), ...changes }));
};

test.each([
  ["gpt_neox", ["rotary positions in all layers of 4 of 8 dimensions", "feed-forward with gelu", "biases"], []],
  [
    "llama-3",
    [
      "4 attention heads over 2 key and value heads",
      "rotary positions in all layers, scaled (llama3)",
      "gated feed-forward with silu",
      "tied embeddings",
    ],
    [],
  ],
  [
    "gemma3",
    [
      "4 attention heads of 8 (not width / heads) over 2 key and value heads",
      "norms of each head's queries and keys",
      "rotary positions in all layers, 2 kinds",
      "attention to a window of 6 in 2 of 4 layers",
      "gated feed-forward with gelu-tanh",
      "tied embeddings",
    ],
    ["norms behind attention and feed-forward layers"],
  ],
  [
    "smollm3",
    [
      "4 attention heads over 2 key and value heads",
      "rotary positions in 3 of 4 layers",
      "gated feed-forward with silu",
      "tied embeddings",
    ],
    ["no positions in 1 of 4 layers"],
  ],
  [
    "lfm2",
    [
      "4 attention heads over 2 key and value heads",
      "short convolutions of 3 taps in 3 of 4 layers",
      "norms of each head's queries and keys",
      "rotary positions in 1 of 4 layers",
      "gated feed-forward with silu",
      "tied embeddings",
    ],
    [],
  ],
  ["gpt2", ["learned positions", "feed-forward with gelu-tanh", "biases", "tied embeddings"], []],
])("%s", (name, features, unusual) => {
  expect(of(name)).toMatchObject({ features, unusual });
});

test("biases that are not everywhere have names", () => {
  expect(of("qwen2").features).toContain("biases of self_attn.q_proj, self_attn.k_proj, self_attn.v_proj");
});

test("LongRoPE's two kinds of texts are named", () => {
  const factors = [1, 1];
  const rope = { rope_type: "longrope", short_factor: factors, long_factor: factors, partial_rotary_factor: 0.67 };
  const json = { rope_parameters: rope, original_max_position_embeddings: 32 };
  expect(of("phi3", json).unusual).toEqual([
    "LongRoPE: a cache for more than 32 of 64 positions is rotated as a long text from its start",
  ]);
});
