import { expect, test } from "vitest";
import { rotaryOf } from "../../test/rotary-of.js";
import { parseConfig } from "./config.js";
import { neoxConfigJson } from "./gpt-neox-size.js";

const size = { vocabularySize: 300, hiddenSize: 32, layers: 3, attentionHeads: 2, contextLength: 64 };

test("says what it was given, to whoever reads the file", () => {
  const given = { ...size, intermediateSize: 96, rotaryPercent: 0.5, endOfText: 7, tokenHeads: 3 };
  const { raw, ...config } = parseConfig(neoxConfigJson(given));
  expect(config).toMatchObject({ ...size, intermediateSize: 96, tokenHeads: 3 });
  expect(rotaryOf({ ...config, raw })?.dimensions).toBe(8);
  expect([config.beginOfTextId, config.eosTokenIds, raw["torch_dtype"]]).toEqual([7, [7], "float32"]);
});

test("of a model with one head says nothing of heads, and has Pythia's proportions", () => {
  const json = neoxConfigJson(size);
  expect(json).not.toHaveProperty("dynamo");
  expect(parseConfig(json)).toMatchObject({ tokenHeads: 1, intermediateSize: 128 });
  expect(rotaryOf(parseConfig(json))?.dimensions).toBe(4);
  expect([json["attention_bias"], json["tie_word_embeddings"], json["use_parallel_residual"]]).toEqual([
    true,
    false,
    true,
  ]);
});
