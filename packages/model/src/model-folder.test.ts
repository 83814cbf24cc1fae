import { describe, expect, it } from "vitest";
import { generationDefaults } from "./model-folder.js";

describe("generationDefaults", () => {
  it("takes what the file recommends", () => {
    const json = { top_k: 5, temperature: 0, repetition_penalty: 1.2, dynamo: { backoff: 0, mask_strength: 1 } };
    expect(generationDefaults(json)).toEqual({
      topK: 5,
      temperature: 0,
      repetitionPenalty: 1.2,
      backoff: 0,
      maskStrength: 1,
    });
  });

  it("ignores unknown and ill-typed values, and those out of range", () => {
    for (const json of [
      undefined,
      null,
      "text",
      { top_p: 0.9, temperature: "hot", dynamo: 3 },
      { top_k: 0, temperature: -1, repetition_penalty: 0, dynamo: { backoff: 1.1, mask_strength: -0.1 } },
      { top_k: 2.5, temperature: Infinity, repetition_penalty: NaN, dynamo: { backoff: NaN } },
    ]) {
      expect(generationDefaults(json)).toEqual({});
    }
  });
});
