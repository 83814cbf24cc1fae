import { describe, expect, it } from "vitest";
import { rotaryOf } from "../../test/rotary-of.js";
import { parameterCount, parameterOverhead, presetNames, presets, type PresetName } from "./presets.js";

const twoDigits = (parameters: number): string => {
  const rounded = Number(parameters.toPrecision(2));
  return rounded < 1e9 ? `${rounded / 1e6}M` : `${rounded / 1e9}B`;
};

describe("the Pythia suite", () => {
  // The table of the Pythia paper and of the models' cards.
  it.each([
    ["70M", 18_915_328],
    ["160M", 85_056_000],
    ["410M", 302_311_424],
    ["1B", 805_736_448],
    ["1.4B", 1_208_602_624],
    ["2.8B", 2_517_652_480],
    ["6.9B", 6_444_163_072],
    ["12B", 11_327_027_200],
  ] as const)("%s has %i parameters beside its two embeddings", (name, parameters) => {
    const config = presets(name);
    const embeddings = 2 * config.vocabularySize * config.hiddenSize;
    expect(parameterCount(config, 1) - embeddings).toBe(parameters);
  });

  it.each(["14M", "70M", "160M", "410M", "1B", "1.4B", "2.8B", "6.9B", "12B"] as const)(
    "%s is named after its size",
    (name) => {
      const millions = Number.parseFloat(name) * (name.endsWith("B") ? 1000 : 1);
      expect(Math.abs(parameterCount(presets(name), 1) / 1e6 / millions - 1)).toBeLessThan(0.03);
    },
  );

  it("has ten shapes, each with Pythia's context and quarter of rotary dimensions", () => {
    expect(presetNames).toHaveLength(10);
    for (const name of presetNames) {
      const config = presets(name);
      expect([config.contextLength, rotaryOf(config)?.dimensions]).toEqual([2048, config.headSize / 4]);
      expect(config.intermediateSize).toBe(4 * config.hiddenSize);
    }
  });

  it("has heads of 256 dimensions at 1B alone", () => {
    expect(presetNames.filter((name) => presets(name).headSize === 256)).toEqual(["1B"]);
  });
});

describe("token heads", () => {
  it.each([
    ["70M", "77M"],
    ["160M", "180M"],
    ["410M", "430M"],
    ["1B", "1.1B"],
    ["1.4B", "1.5B"],
    ["2.8B", "2.9B"],
    ["6.9B", "7.3B"],
  ] as const)("three make %s the paper's %s", (name: PresetName, paper) => {
    expect(twoDigits(parameterCount(presets(name, 3), 3))).toBe(paper);
  });

  it("four make 70M the paper's 80M", () => {
    expect(twoDigits(parameterCount(presets("70M"), 4))).toBe("80M");
  });

  it("cost from 5.67 % (2.8B) to 9.95 % (1B) with three of them, the range that the paper gives", () => {
    const names = ["70M", "160M", "410M", "1B", "1.4B", "2.8B", "6.9B"] as const;
    const sorted = names
      .map((name) => ({ name, percent: (100 * parameterOverhead(presets(name), 3)).toFixed(2) }))
      .sort((a, b) => Number(a.percent) - Number(b.percent));
    expect(sorted[0]).toEqual({ name: "2.8B", percent: "5.67" });
    expect(sorted.at(-1)).toEqual({ name: "1B", percent: "9.95" });
  });

  it("cost one decoder layer each, and nothing for the first", () => {
    const config = presets("70M");
    expect(parameterOverhead(config, 1)).toBe(0);
    // 12 h² in matrices, 13 h in biases and norms
    expect(parameterCount(config, 2) - parameterCount(config, 1)).toBe(12 * 512 ** 2 + 13 * 512);
  });
});
