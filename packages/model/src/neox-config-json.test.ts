import { expect, test } from "vitest";
import { parseNeoxConfig } from "./config.js";
import { neoxConfigJson } from "./neox-config-json.js";

const size = { vocabularySize: 300, hiddenSize: 32, layers: 3, attentionHeads: 2, contextLength: 64 };

test("says what it was given, to whoever reads the file", () => {
  const given = { ...size, intermediateSize: 96, rotaryPercent: 0.5, endOfText: 7, tokenHeads: 3 };
  const { raw, ...config } = parseNeoxConfig(neoxConfigJson(given));
  expect(config).toMatchObject({ ...size, intermediateSize: 96, rotaryDimensions: 8, tokenHeads: 3 });
  expect([config.beginOfTextId, config.eosTokenIds, raw["torch_dtype"]]).toEqual([7, [7], "float32"]);
});

test("of a model with one head says nothing of heads, and has Pythia's proportions", () => {
  const json = neoxConfigJson(size);
  expect(json).not.toHaveProperty("dynamo");
  expect(parseNeoxConfig(json)).toMatchObject({ tokenHeads: 1, intermediateSize: 128, rotaryDimensions: 4 });
  expect([json["attention_bias"], json["tie_word_embeddings"], json["use_parallel_residual"]]).toEqual([
    true,
    false,
    true,
  ]);
});
