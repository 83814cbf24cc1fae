/** What families have where config.json says nothing; the right values are those of transformers' configurations. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { architectureOf, parseConfig } from "./config.js";
import { partsOf } from "./layer-parts.js";

interface Golden {
  readonly config: Record<string, unknown>;
  readonly epsilon: number;
  readonly theta: number;
  readonly activation: string;
  readonly head_size: number;
  readonly tied: boolean;
}

const file = new URL("../__fixtures__/defaults.json", import.meta.url);
const golden = JSON.parse(await readFile(file, "utf8")) as Record<string, Golden>;
const activationOf: Readonly<Record<string, string>> = { silu: "silu", gelu_pytorch_tanh: "gelu-tanh" };

test.each(Object.entries(golden))("%s", (_, { config: json, epsilon, theta, activation, head_size: size, tied }) => {
  const config = parseConfig(json);
  const { finalNorm, layers, tiedEmbeddings } = architectureOf(config);
  const parts = layers.map(partsOf);
  expect([finalNorm.epsilon, config.headSize, tiedEmbeddings]).toEqual([epsilon, size, tied]);
  expect(new Set(parts.flatMap(({ activations }) => activations))).toEqual(new Set([activationOf[activation]]));
  // The second pair's frequency is theta^(-2 / dimensions); Gemma 3's two layers here slide, by its other base.
  const [rotary] = parts.flatMap(({ rotaries }) => rotaries);
  const base = config.modelType === "gemma3_text" ? 10_000 : theta;
  expect((rotary?.frequencies[1] ?? NaN) ** (-size / 2) / base).toBeCloseTo(1, 6);
});
