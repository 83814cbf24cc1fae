/** The stem's graph against the formulas in float64, and its files. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tensor, type Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { referenceStem } from "../__oracle__/reference-forward.js";
import { openCheckpoint } from "../checkpoint/checkpoint.js";
import { parseConfig } from "../architectures/config.js";
import { outputEmbedding } from "../architectures/tensor-names.js";
import { stemGraphFile, writeStem, type StemOptions } from "./stem.js";
import { nodeFolder } from "../node-folder.js";
import { readLogits } from "../../test/read-logits.js";
import { writeRandomCheckpoint } from "../checkpoint/random-checkpoint.js";

const config = parseConfig({
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  vocab_size: 61,
  hidden_size: 64,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  intermediate_size: 96,
  rotary_pct: 0.5,
  max_position_embeddings: 32,
});
const rows = [
  [3, 1, 4, 1, 5, 9, 2],
  [60, 0, 60, 7, 7, 7, 12],
];

let folder: string;
let runtime: Runtime;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-stem-"));
  runtime = createNodeRuntime({ device: "cpu" });
  await writeRandomCheckpoint(join(folder, "base"), { config, seed: 5 });
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

interface Outputs {
  readonly hidden: Float32Array;
  readonly first: Float32Array;
}

interface StemCase {
  readonly firstHead?: boolean;
  readonly base?: string;
  readonly texts?: readonly (readonly number[])[];
}

async function runStem(
  options: StemOptions,
  { firstHead = true, base = join(folder, "base"), texts = rows }: StemCase = {},
): Promise<Outputs> {
  const target = join(folder, `stem-${made++}`);
  await writeStem(base, target, options);
  const session = await runtime.createSession({ path: join(target, stemGraphFile) });
  const feeds = {
    tokens: tensor("int32", [texts.length, texts[0]?.length ?? 0], Int32Array.from(texts.flat())),
    first_head: tensor("bool", [], Uint8Array.of(firstHead ? 1 : 0)),
  };
  const outputs = await session.run(feeds, ["hidden", "head_1"]);
  await session.dispose();
  return { hidden: outputs["hidden"]?.data as Float32Array, first: outputs["head_1"]?.data as Float32Array };
}

async function expected(): Promise<{ hidden: number[]; first: number[] }> {
  const checkpoint = await openCheckpoint(nodeFolder(join(folder, "base")));
  const outputs = await Promise.all(rows.map((row) => referenceStem((name) => checkpoint.read(name), config, row)));
  await checkpoint.close();
  return { hidden: outputs.flatMap(({ stem }) => [...stem]), first: outputs.flatMap(({ first }) => [...first]) };
}

const norm = (values: Iterable<number>): number => Math.hypot(...values);

/** ‖a - b‖ / ‖b‖ */
const relativeError = (a: ArrayLike<number>, b: readonly number[]): number =>
  norm(b.map((value, i) => (a[i] as number) - value)) / norm(b);

describe("the stem's graph", () => {
  test.each([
    [{ dtype: "fp32" }, 2e-6],
    [{ dtype: "q8", activations: "fp32" }, 0.02],
    [{ dtype: "q8" }, 0.03],
    [{ dtype: "q4" }, 0.15],
  ] as const)("%j computes what the formulas say", async (options, tolerance) => {
    const { hidden, first } = await runStem(options);
    const reference = await expected();
    expect(hidden).toHaveLength(2 * 7 * 64);
    expect(relativeError(hidden, reference.hidden)).toBeLessThan(tolerance);
    expect(relativeError(first, reference.first)).toBeLessThan(tolerance);
  });

  test("without the first head its layer does not run", async () => {
    const { hidden, first } = await runStem({ dtype: "fp32" }, { firstHead: false });
    expect(hidden).toHaveLength(2 * 7 * 64);
    expect(first).toHaveLength(0);
  });

  test("the same checkpoint gives the same bytes, and an older stem is replaced", async () => {
    const target = join(folder, "again");
    const read = async (): Promise<Buffer[]> =>
      Promise.all((await readdir(target)).sort().map((file) => readFile(join(target, file))));
    const bytes = await writeStem(join(folder, "base"), target, { dtype: "q8" });
    const before = await read();
    await writeStem(join(folder, "base"), target, { dtype: "q8" });
    expect(await read()).toEqual(before);
    expect(before.map(({ length }) => length).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(bytes);
  });
});

test.each(["lfm2", "lfm2-biases"])(
  "%s: behind the final norm the stem's head 1 has transformers' logits",
  async (name) => {
    const base = join(import.meta.dirname, "../../test/__fixtures__/families", name);
    const { tokens } = JSON.parse(await readFile(join(base, "tokens.json"), "utf8")) as { tokens: number[][] };
    const { first } = await runStem({ dtype: "fp32" }, { base, texts: tokens });
    const checkpoint = await openCheckpoint(nodeFolder(base));
    const { hiddenSize, vocabularySize } = checkpoint.config;
    const [gain, output] = await Promise.all(
      ["model.embedding_norm.weight", outputEmbedding(checkpoint.config, 1)].map((tensorName) =>
        checkpoint.read(tensorName),
      ),
    );
    await checkpoint.close();
    const [expectedLogits] = readLogits(join(base, "expected-logits.safetensors"), ["head_1"]);
    const logits = Array.from({ length: tokens.flat().length }, (_, place) => {
      const state = first.subarray(place * hiddenSize, (place + 1) * hiddenSize);
      const size = Math.sqrt(state.reduce((sum, value) => sum + value * value, 0) / hiddenSize + 1e-5);
      const normed = state.map((value, i) => (value / size) * (gain?.[i] ?? NaN));
      return Array.from({ length: vocabularySize }, (__, id) =>
        normed.reduce((sum, value, i) => sum + value * (output?.[id * hiddenSize + i] ?? NaN), 0),
      );
    }).flat();
    expect(logits).toHaveLength(expectedLogits?.length ?? NaN);
    expect(Math.max(...logits.map((value, i) => Math.abs(value - (expectedLogits?.[i] ?? NaN))))).toBeLessThan(1e-3);
  },
);
