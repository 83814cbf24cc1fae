import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { DynamoError } from "@dynamo/core";
import { describe, expect, it } from "vitest";
import { readGenerationConfig, type GenerationConfig } from "./generation-config.js";

const model = { vocabularySize: 100, contextLength: 64 };
const read = (json: unknown): GenerationConfig => readGenerationConfig(json, model);

const file = new URL("../__fixtures__/config-fields.json", import.meta.url);
const known = JSON.parse(await readFile(file, "utf8")) as {
  readonly generation: readonly string[];
  readonly generationDefaults: Readonly<Record<string, unknown>>;
};

/** A value that does something in transformers, and what becomes of it here. */
const honoured: Readonly<Record<string, readonly [value: unknown, read: Partial<GenerationConfig> | object]>> = {
  do_sample: [false, { defaults: { temperature: 0 } }],
  temperature: [0.3, { defaults: { temperature: 0.3 } }],
  top_k: [7, { defaults: { topK: 7 } }],
  top_p: [0.9, { defaults: { topP: 0.9 } }],
  min_p: [0.1, { defaults: { minP: 0.1 } }],
  typical_p: [0.8, { defaults: { typicalP: 0.8 } }],
  repetition_penalty: [1.3, { defaults: { repetitionPenalty: 1.3 } }],
  no_repeat_ngram_size: [3, { defaults: { noRepeatNgramSize: 3 } }],
  min_new_tokens: [5, { defaults: { minNewTokens: 5 } }],
  max_new_tokens: [50, { defaults: { maxNewTokens: 50 } }],
  bad_words_ids: [[[1], [2, 3]], { defaults: { badWords: [[1], [2, 3]] } }],
  suppress_tokens: [[4], { defaults: { suppressTokens: [4] } }],
  begin_suppress_tokens: [[5], { defaults: { beginSuppressTokens: [5] } }],
  stop_strings: [["\n"], { defaults: { stopStrings: ["\n"] } }],
  eos_token_id: [[0, 14], { endOfTextIds: [0, 14] }],
  max_length: [64, {}],
};

/** Values that would change the text in transformers, and do not here. */
const named: Readonly<Record<string, unknown>> = {
  min_length: 4,
  max_time: 3,
  num_beams: 4,
  num_return_sequences: 2,
  top_h: 0.4,
  epsilon_cutoff: 0.01,
  eta_cutoff: 0.01,
  encoder_repetition_penalty: 1.2,
  encoder_no_repeat_ngram_size: 3,
  penalty_alpha: 0.6,
  dola_layers: "high",
  guidance_scale: 2,
  sequence_bias: [[[1], 2]],
  token_healing: true,
  watermarking_config: { bias: 2 },
  constraints: [{}],
  force_words_ids: [[1]],
  forced_bos_token_id: 1,
  forced_eos_token_id: 1,
  exponential_decay_length_penalty: [10, 1.2],
};

/** Fields that change no text of a prompt's one continuation, whatever they hold. */
const neutral = [
  "_from_model_config assistant_confidence_threshold assistant_early_exit assistant_ensemble_weight assistant_lookbehind",
  "bos_token_id cache_config cache_implementation compile_config continuous_batching_config decoder_start_token_id",
  "disable_compile diversity_penalty early_stopping is_assistant length_penalty low_memory max_cache_len",
  "max_matching_ngram_size num_assistant_tokens num_assistant_tokens_schedule num_beam_groups output_attentions",
  "output_hidden_states output_logits output_scores pad_token_id prefill_chunk_size prompt_lookup_num_tokens",
  "remove_invalid_values renormalize_logits return_dict_in_generate speculation_type target_lookbehind",
  "transformers_version use_cache use_mtp",
].flatMap((line) => line.split(" "));

describe("every field of transformers' generation_config.json", () => {
  it("has a decision: honoured, neutral or named", () => {
    expect([...Object.keys(honoured), ...Object.keys(named), ...neutral].sort()).toEqual([...known.generation].sort());
  });

  it.each(Object.entries(honoured))("%s is honoured", (key, [value, expected]) => {
    expect(read({ [key]: value })).toEqual({ defaults: {}, endOfTextIds: undefined, warnings: [], ...expected });
  });

  it.each(Object.entries(named))("%s is named", (key, value) => {
    const { defaults, warnings } = read({ [key]: value });
    expect(defaults).toEqual({});
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^generation_config.json: ${key} .* is not applied: `)),
    ]);
  });

  it.each(neutral)("%s changes nothing", (key) => {
    expect(read({ [key]: 3 })).toEqual({ defaults: {}, endOfTextIds: undefined, warnings: [] });
  });

  it("says nothing at transformers' own defaults, but that 20 tokens are no end here", () => {
    const { warnings } = read(known.generationDefaults);
    expect(warnings).toEqual([expect.stringContaining("max_length 20 is not applied")]);
    expect(read(Object.fromEntries(known.generation.map((key) => [key, null]))).warnings).toEqual([]);
  });
});

describe("readGenerationConfig", () => {
  it("names what it does not know, and values out of range", () => {
    const json = {
      top_k: 0,
      top_p: 1.5,
      temperatur: 1,
      bad_words_ids: [[100]],
      stop_strings: [""],
      dynamo: { backof: 1, backoff: 2, strategy: "speculative", joint: 1 },
    };
    const { defaults, warnings } = read({ ...json, do_sample: "no" });
    expect(defaults).toEqual({});
    expect(warnings).toEqual([
      "generation_config.json: temperatur 1 is not applied: this key is not known here",
      "generation_config.json: dynamo: backof 1 is not applied: this key is not known here",
      "generation_config.json: top_k 0 is not applied: expected a whole number from 1 to 1024",
      "generation_config.json: top_p 1.5 is not applied: expected a number above 0, at most 1",
      "generation_config.json: bad_words_ids [[… 1]] is not applied: expected lists of this model's token ids",
      'generation_config.json: stop_strings [""] is not applied: expected texts of at least one character',
      'generation_config.json: dynamo.strategy "speculative" is not applied: expected "dynamo" or "verified"',
      'generation_config.json: dynamo.joint 1 is not applied: expected "counts", "learned" or "chain"',
      "generation_config.json: dynamo.backoff 2 is not applied: expected a number from 0 to 1",
      'generation_config.json: do_sample "no" is not applied: expected true or false',
    ]);
  });

  it("is greedy without sampling, whatever the temperature, and samples where the file does not say", () => {
    expect(read({ do_sample: false, temperature: 0.9 }).defaults.temperature).toBe(0);
    expect(read({ temperature: 0.9 }).defaults.temperature).toBe(0.9);
    expect(read({ dynamo: { backoff: 0, mask_strength: 1 } }).defaults).toEqual({ backoff: 0, maskStrength: 1 });
    const named = { strategy: "verified", joint: "chain" } as const;
    expect(read({ dynamo: named })).toMatchObject({ defaults: named, warnings: [] });
  });

  it("refuses ends that are no token ids, and files that are no objects", () => {
    for (const json of [{ eos_token_id: 100 }, { eos_token_id: [-1] }, { eos_token_id: "0" }, [], null, 3])
      expect(() => read(json)).toThrow(expect.objectContaining({ code: "invalid-file" }));
    expect(read({ eos_token_id: 3 }).endOfTextIds).toEqual([3]);
    expect(read(undefined)).toEqual({ defaults: {}, endOfTextIds: undefined, warnings: [] });
  });

  it("gives options that generate() takes, or refuses, whatever it is given", () => {
    const key = fc.constantFrom(...known.generation, "dynamo", "__proto__", "toString");
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue(), { maxKeys: 4 }), (json) => {
        try {
          const { defaults, warnings } = read(json);
          expect(defaults.topK ?? 1).toBeGreaterThan(0);
          expect(defaults.temperature ?? 0).toBeGreaterThanOrEqual(0);
          expect(warnings.every((each) => each.length < 300)).toBe(true);
        } catch (error) {
          expect(DynamoError.is(error) ? error.code : error).toBe("invalid-file");
        }
      }),
      { numRuns: 300 },
    );
  });
});
