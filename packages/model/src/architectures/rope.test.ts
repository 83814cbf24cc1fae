/** Frequencies of every kind; the right values are transformers' own (modeling_rope_utils), to seven digits. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { rotaryOf } from "../../test/rotary-of.js";
import { parseConfig } from "./config.js";

interface Golden {
  readonly config: Record<string, unknown>;
  readonly layers: readonly {
    readonly frequencies: readonly number[];
    readonly scale: number;
    readonly long?: { readonly behind: number; readonly frequencies: readonly number[] };
  }[];
}

const file = new URL("../__fixtures__/rope.json", import.meta.url);
const golden = JSON.parse(await readFile(file, "utf8")) as Record<string, Golden>;

test.each(Object.entries(golden))("%s", (_, { config, layers }) => {
  const parsed = parseConfig(config);
  for (const [i, { frequencies, scale, long }] of layers.entries()) {
    const rotary = rotaryOf(parsed, i);
    expectAlike(rotary?.frequencies, frequencies);
    expect(rotary?.scale).toBeCloseTo(scale, 6);
    expect(rotary?.long?.behind).toBe(long?.behind);
    if (long !== undefined) expectAlike(rotary?.long?.frequencies, long.frequencies);
  }
});

function expectAlike(found: readonly number[] | undefined, right: readonly number[]): void {
  expect(found?.length).toBe(right.length);
  right.forEach((value, pair) => expect((found?.[pair] ?? NaN) / value).toBeCloseTo(1, 6));
}

test.each([
  ["phi3 longrope", 128],
  // The factor says how much longer YaRN makes the context, where max_position_embeddings was left as it was.
  ["qwen2 yarn", 131_072],
  ["llama yarn", 128],
  ["llama dynamic", 128],
])("the context of %s", (name, context) => {
  expect(parseConfig((golden[name] as Golden).config).contextLength).toBe(context);
});
