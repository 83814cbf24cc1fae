/** Runs in float16: what they go on with, what they report, what they refuse. The CPU is made to round as float16 does. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DynamoError, type Runtime } from "@dynamo/core";
import type * as Onnx from "@dynamo/onnx";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { rounded } from "../__fixtures__/rounded.js";
import { runPlaces } from "../__fixtures__/run-places.js";
import { tinyRun } from "../__fixtures__/tiny.js";
import { tinyConfig, writeTinyCheckpoint } from "../__fixtures__/tiny-checkpoint.js";
import { byteTokenizer } from "../data/__fixtures__/byte-tokenizer.js";
import { readCheckpoint, type Resumed } from "./files/checkpoint.js";
import { readMetrics, type StepMetrics } from "./progress/metrics.js";
import { reportHtml } from "./progress/report.js";
import { train } from "./train.js";
import type { TrainingConfig, TrainingConfigInput } from "./start/training-config.js";

vi.mock("@dynamo/onnx", async (original) => {
  const onnx = await original<typeof Onnx>();
  return { ...onnx, encodeOnnx: (graph: Onnx.OnnxModel) => onnx.encodeOnnx(rounded(graph)) };
});

const here = runPlaces();
const { runtime, place } = here;

/** Losses so heavy that the first steps overflow; what is learnt is the same, since gradients are clipped. */
const config = (changes: Partial<TrainingConfigInput> = {}): TrainingConfig =>
  tinyRun(here.dataset, { precision: "float16", headWeights: [300, 300], steps: 12, ...changes });

const stepsOf = async (run: string): Promise<StepMetrics[]> =>
  (await readMetrics(run)).filter((entry): entry is StepMetrics => entry.kind === "step");

const lastOf = (run: string, step = 12): Promise<Resumed> =>
  readCheckpoint(join(run, "checkpoints", `step-${String(step).padStart(8, "0")}`));

describe("a run in float16", () => {
  let whole: string;
  let skipped: number;
  beforeAll(async () => {
    whole = place();
    await train(runtime, whole, config());
    skipped = (await stepsOf(whole)).filter(({ gradientNorm }) => gradientNorm === undefined).length;
  });

  test("tells its loss scale and the steps that were left out, and learns", async () => {
    const steps = await stepsOf(whole);
    expect([skipped >= 3, skipped < 9, skipped]).toEqual([true, true, expect.any(Number)]);
    for (const [i, { gradientNorm, lossScale, skippedSteps }] of steps.entries()) {
      const left = Math.min(i + 1, skipped);
      expect([skippedSteps, lossScale]).toEqual([left, 2 ** (16 - left)]);
      expect(gradientNorm === undefined).toBe(i < skipped);
    }
    const losses = steps.map(({ losses: [first] }) => first as number);
    expect(losses.at(-1) as number).toBeLessThan((losses[0] as number) - 0.02);
    expect(reportHtml(await readMetrics(whole), config())).toContain("Loss scale");
    expect(reportHtml([], config({ precision: "float32" }))).not.toContain("Loss scale");
  });

  test.each([2, 8])("stopped at step %d goes on bit for bit, its loss scale included", async (last) => {
    const run = place();
    const controller = new AbortController();
    await train(runtime, run, config(), {
      signal: controller.signal,
      onMetrics: ({ kind, step }) => {
        if (kind === "step" && step === last) controller.abort();
      },
    });
    await train(runtime, run, config(), { resume: true });
    const [found, expected] = [await lastOf(run), await lastOf(whole)];
    expect(found.progress.lossScale).toEqual({ scale: 2 ** (16 - skipped), goodSteps: 12 - skipped, skipped });
    const state = ({ weights, moments1, moments2, progress }: Resumed): unknown[] => [
      weights,
      moments1,
      moments2,
      progress.lossScale,
      progress.position,
    ];
    expect(state(found)).toEqual(state(expected));
  });

  test("does not go on in float32, nor without the loss scale that it had", async () => {
    await expect(train(runtime, whole, config({ precision: "float32" }), { resume: true })).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining('precision was "float16", is "float32"') as string,
    });
    const file = join(whole, "checkpoints", "step-00000012", "training.json");
    const text = readFileSync(file, "utf8");
    const { lossScale: _, ...rest } = JSON.parse(text) as { lossScale: unknown };
    for (const [json, message] of [
      [rest, "expected the loss scale of a run in float16"],
      [{ ...rest, lossScale: { scale: 0.5, goodSteps: 0, skipped: 0 } }, "lossScale.scale"],
    ] as const) {
      writeFileSync(file, JSON.stringify(json));
      await expect(train(runtime, whole, config(), { resume: true })).rejects.toMatchObject({
        code: "invalid-file",
        message: expect.stringContaining(message) as string,
      });
    }
    writeFileSync(file, text);
  });
});

test("a run in float32 has no loss scale", async () => {
  const run = place();
  await train(runtime, run, config({ precision: "float32", steps: 2 }));
  expect((await lastOf(run, 2)).progress.lossScale).toBeUndefined();
  for (const metrics of await stepsOf(run)) expect(metrics).not.toHaveProperty("lossScale");
});

test("LoRA heads learn in float16 what they learn in float32, within its rounding", async () => {
  const checkpoint = place();
  await writeTinyCheckpoint(checkpoint, tinyConfig(1));
  writeFileSync(join(checkpoint, "tokenizer.json"), JSON.stringify(byteTokenizer()));
  // So light that the first scale overflows nothing: left out steps would set the two apart.
  const lora = { architecture: undefined, checkpoint, headLora: { rank: 2, alpha: 4 }, headWeights: [0.05, 0.05] };
  const [half, single] = [place(), place()];
  await train(runtime, half, config({ ...lora, learningRate: 3e-4, steps: 6 }));
  await train(runtime, single, config({ ...lora, learningRate: 3e-4, steps: 6, precision: "float32" }));
  const [found, expected] = [await stepsOf(half), await stepsOf(single)];
  const apart = found.map(({ losses }, i) =>
    Math.max(...losses.map((loss, head) => Math.abs(loss - (expected[i]?.losses[head] as number)))),
  );
  expect(Math.max(...apart)).toBeLessThan(1e-2);
  expect(Math.max(...apart)).toBeGreaterThan(0);
  expect(found.at(-1)).toMatchObject({ lossScale: 65_536, skippedSteps: 0 });
});

test("a device without float16 is refused before anything is written", async () => {
  const run = place();
  const without: Runtime = {
    ...runtime,
    async createSession(graph, options) {
      const session = await runtime.createSession(graph, options);
      return {
        ...session,
        run: () => Promise.reject(new DynamoError("unsupported", "no float16 shaders (shader-f16)")),
      };
    },
  };
  await expect(train(without, run, config())).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringMatching(/precision float16 needs.*received cpu.*shader-f16.*precision float32/) as string,
  });
  expect(existsSync(run)).toBe(false);
});
