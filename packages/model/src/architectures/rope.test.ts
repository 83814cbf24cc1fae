/** Frequencies of every kind; the right values are transformers' own (modeling_rope_utils), to seven digits. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { rotaryOf } from "../../test/rotary-of.js";
import { parseConfig } from "./config.js";

interface Golden {
  readonly config: Record<string, unknown>;
  readonly layers: readonly { readonly frequencies: readonly number[]; readonly scale: number }[];
}

const file = new URL("../__fixtures__/rope.json", import.meta.url);
const golden = JSON.parse(await readFile(file, "utf8")) as Record<string, Golden>;

test.each(Object.entries(golden))("%s", (_, { config, layers }) => {
  const parsed = parseConfig(config);
  for (const [i, { frequencies, scale }] of layers.entries()) {
    const rotary = rotaryOf(parsed, i);
    expect(rotary?.frequencies.length).toBe(frequencies.length);
    frequencies.forEach((right, pair) => expect((rotary?.frequencies[pair] ?? NaN) / right).toBeCloseTo(1, 6));
    expect(rotary?.scale).toBeCloseTo(scale, 6);
  }
});

test("LongRoPE's short factors end where the model was first trained to", () => {
  const { config } = golden["phi3 longrope"] as Golden;
  expect(parseConfig(config).contextLength).toBe(64);
});
