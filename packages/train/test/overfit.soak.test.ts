/** The same code trains on every device: a small model learns a text of 2 kB by heart. */
import type { Runtime } from "@dynamo/core";
import type * as Onnx from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { createTrainer, type TrainerOptions } from "@dynamo/train";
import { describe, expect, test, vi } from "vitest";
import { rounded } from "../src/__fixtures__/rounded.js";
import { initialWeights, tinyModel, trainerOptions } from "../src/__fixtures__/tiny.js";
import { useSwiftShader } from "./swiftshader.js";
import { createWasmRuntime } from "./wasm-runtime.js";

/** What is float16 is rounded on the CPU too; float32 graphs stay as they are. */
vi.mock("@dynamo/onnx", async (original) => {
  const onnx = await original<typeof Onnx>();
  return { ...onnx, encodeOnnx: (graph: Onnx.OnnxModel) => onnx.encodeOnnx(rounded(graph)) };
});

/** A counting rhyme: verses that differ in their numbers alone. */
const numbers =
  "twenty nineteen eighteen seventeen sixteen fifteen fourteen thirteen twelve eleven ten nine eight".split(" ");
const verses = [0, 1].flatMap(() =>
  numbers.map((number, i) => `${number} sheep went up the hill and ${numbers[i + 1] ?? "seven"} sheep came down. `),
);
const text = verses.join("").slice(0, 2048).padEnd(2048);
const characters = [...new Set(text)].sort();
const ids = Int32Array.from(text, (character) => characters.indexOf(character));

interface Lesson {
  /** Characters of the text that are learnt. */
  readonly size: number;
  readonly batch: number;
  readonly sequence: number;
  readonly hiddenSize: number;
}

/** Steps over the text, batch by batch, until every batch's losses are near 0. Returns the losses of each step. */
async function learn(
  runtime: Runtime,
  { size, batch, sequence, hiddenSize }: Lesson,
  most: number,
  precision: TrainerOptions["precision"] = "float32",
): Promise<number[][]> {
  const length = sequence + 2;
  const model = tinyModel({ vocabulary: characters.length, hiddenSize });
  const options = trainerOptions({ batch, sequence, weightDecay: 0, stemGradientScale: 1, precision });
  const trainer = await createTrainer(runtime, model, { weights: initialWeights(model) }, options);
  const batches = Array.from({ length: size / (batch * length) }, (_, i) => ({
    tokens: ids.subarray(i * batch * length, (i + 1) * batch * length),
  }));
  const losses: number[][] = [];
  const learnt = (): boolean => losses.length >= batches.length && losses.slice(-batches.length).every(isNearZero);
  try {
    while (losses.length < most && !learnt()) {
      const [step, rate] = [losses.length, 5e-3 * Math.min(1, (losses.length + 1) / 10)];
      const rows = batches[step % batches.length] as (typeof batches)[0];
      losses.push([...(await trainer.step([rows], step, { base: rate, heads: rate })).losses]);
    }
    return losses;
  } finally {
    await trainer.dispose();
  }
}

/** Chance is 3.2 nats. No model can know which of 32 rows it reads before it has read some of it: ln 32 / 62 = 0.06. */
const isNearZero = (losses: readonly number[]): boolean => Math.max(...losses) < 0.15;

const whole: Lesson = { size: 2048, batch: 4, sequence: 62, hiddenSize: 64 };
/** In software a step of the whole lesson takes WebGPU 1.5 seconds: it gets a line of the text and a narrower model. */
const line: Lesson = { size: 64, batch: 2, sequence: 30, hiddenSize: 32 };

async function expectLearnt(
  runtime: Runtime,
  lesson: Lesson,
  most: number,
  precision?: TrainerOptions["precision"],
): Promise<number[][]> {
  try {
    const losses = await learn(runtime, lesson, most, precision);
    expect(Math.min(...(losses[0] as number[]))).toBeGreaterThan(2.5);
    expect(isNearZero(losses.at(-1) as number[])).toBe(true);
    return losses;
  } finally {
    await runtime.dispose();
  }
}

function expectAlike(a: readonly number[][], b: readonly number[][]): void {
  for (let step = 0; step < 20; step++)
    for (const [head, loss] of (a[step] as number[]).entries())
      expect(Math.abs(loss - (b[step]?.[head] as number))).toBeLessThan(1e-3);
}

const webgpu = useSwiftShader();
const onCpu = (): Runtime => createNodeRuntime({ device: "cpu" });

describe("a text is learnt by heart, the same on every device", () => {
  test("2 kB on cpu and wasm", async () => {
    expectAlike(await expectLearnt(onCpu(), whole, 500), await expectLearnt(createWasmRuntime(), whole, 500));
  });

  test.runIf(webgpu)("a line on cpu and webgpu (SwiftShader)", async () => {
    const gpu = createNodeRuntime({ device: "webgpu", threads: 1 });
    expectAlike(await expectLearnt(onCpu(), line, 200), await expectLearnt(gpu, line, 200));
    // A GPU in software takes a third of a minute with both cores to itself, and browsers' tests run beside it.
  });

  test("a line in float16", async () => {
    const [single, half] = [await expectLearnt(onCpu(), line, 200), await expectLearnt(onCpu(), line, 200, "float16")];
    // The loss scale costs the first steps; from there on it is as quick.
    expect(half.length).toBeLessThan(single.length + 30);
    expect(half.at(-1)).not.toEqual(single.at(-1));
  });

  test.runIf(webgpu)("float16 on a GPU without it (SwiftShader) is refused, with what to do", async () => {
    const gpu = createNodeRuntime({ device: "webgpu", threads: 1 });
    await expect(learn(gpu, line, 1, "float16")).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(/received webgpu: .*shader-f16.*train with precision float32/) as string,
    });
    await gpu.dispose();
  });
});
