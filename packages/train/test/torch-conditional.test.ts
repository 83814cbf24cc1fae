/** Conditional parts in the exported script against `dynamo train`, alone on a frozen model and with what is under them. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadModel, openCheckpoint, parseConfig } from "@dynamo/model";
import { convertCheckpoint, nodeFolder, writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { exportTorch } from "../src/export/export-torch.js";
import { isTrained } from "../src/graph/lora.js";
import { readMetrics, type EvaluationMetrics, type Metrics, type StepMetrics } from "../src/run/progress/metrics.js";
import { train } from "../src/run/train.js";
import { parseTrainingConfig, type TrainingConfig } from "../src/run/start/training-config.js";
import { tinyTokenizer, vocabularySize, writeTinyDataset } from "./tiny-dataset.js";
import { call, launchTwo, python, script, succeed, torchIsHere, transformersIsHere } from "./torch-python.js";

if (!torchIsHere)
  it.skip(`skipped: ${python} has no PyTorch of 2.6 or later (set DYNAMO_PYTHON to one that has)`, () => undefined);

const fixtures = join(import.meta.dirname, "__fixtures__/conditional");
const known = readdirSync(fixtures).filter((name) => transformersIsHere || name === "neox");
test.skipIf(!torchIsHere).each(known)("the script's losses, gradients and weights are torch's: %s", (name) => {
  expect(succeed(script, "--check-vectors", join(fixtures, name))).toMatch(/^\d{3} passed, 0 failed\n$/);
});

const sizes = { pairs: 3, between: 4 };
const base = { vocab_size: vocabularySize, hidden_size: 16, intermediate_size: 24, max_position_embeddings: 32 };
const heads = { token_heads: 3, conditional: sizes };
/** One computes with this script's layers; the other's logits are scaled, its embeddings tied. */
const models = {
  gpt_neox: { ...base, num_hidden_layers: 3, num_attention_heads: 2, rotary_pct: 0.5 },
  granite: {
    ...{ ...base, num_hidden_layers: 2, num_attention_heads: 2, num_key_value_heads: 1, tie_word_embeddings: true },
    ...{ embedding_multiplier: 3, attention_multiplier: 0.3, residual_multiplier: 0.4, logits_scaling: 2.5 },
  },
};
const runs = [
  { model: "gpt_neox", train: "all", distillation: 0 },
  { model: "gpt_neox", train: "heads", distillation: 0.6 },
  { model: "gpt_neox", train: "conditional", distillation: 1 },
  { model: "granite", train: "conditional", distillation: 0.3 },
  { model: "granite", train: "all", distillation: 0.3 },
] as const;

describe.skipIf(!torchIsHere).each(runs.filter(({ model }) => transformersIsHere || model === "gpt_neox"))(
  "$model, train $train, distillation $distillation",
  ({ model, train: what, distillation }) => {
    const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
    const steps = 6;
    let place: string;
    let config: TrainingConfig;
    const at = (...path: string[]): string => join(place, ...path);
    const checkpointOf = (run: string): string => at(run, "checkpoints", `step-${String(steps).padStart(8, "0")}`);

    beforeAll(async () => {
      place = mkdtempSync(join(tmpdir(), "dynamo-torch-"));
      mkdirSync(at("data"));
      writeTinyDataset(at("data"), [{ name: "a", train: 2500, heldOut: 400 }]);
      const checkpoint = parseConfig({ ...models[model], model_type: model, dynamo: heads });
      await writeRandomCheckpoint(at("base"), { config: checkpoint });
      writeFileSync(at("base", "tokenizer.json"), tinyTokenizer);
      config = parseTrainingConfig({
        ...{ dataset: at("data"), checkpoint: at("base"), tokenHeads: 3, train: what, distillation, steps, batch: 4 },
        ...{ microBatches: 2, sequence: 21, learningRate: 0.005, headLearningRate: 0.02, headWeights: [1, 0.5, 0.25] },
        ...{ weightDecay: 0.1, clipNorm: 0.5, evaluateEvery: 3, evaluationBatches: 3, checkpointEvery: steps },
      });
      await exportTorch(config, at("run"));
      await train(runtime, at("mine"), config);
      succeed(at("run", "train.py"), "--out", at("one"));
    });
    afterAll(async () => {
      await runtime.dispose();
      rmSync(place, { recursive: true, force: true });
    });

    const numbersOf = (metrics: Metrics): (number | undefined)[] => {
      if (metrics.kind === "step") return stepNumbers(metrics);
      return metrics.kind === "evaluation" ? evaluationNumbers(metrics) : [];
    };
    const stepNumbers = (metrics: StepMetrics): (number | undefined)[] => [
      ...metrics.losses,
      ...(metrics.conditionalLosses ?? []),
      metrics.gradientNorm,
    ];
    const evaluationNumbers = (metrics: EvaluationMetrics): (number | undefined)[] => [
      ...metrics.losses,
      ...(metrics.conditionalLosses ?? []),
      ...(metrics.conditionalPerplexities ?? []).map(Math.log),
      ...(metrics.chainPerplexities ?? []).map(Math.log),
    ];

    async function expectSame(out: string, tolerance: number): Promise<void> {
      const [mine, theirs] = (await Promise.all([readMetrics(at("mine")), readMetrics(out)])).map((metrics) =>
        metrics.filter(({ kind }) => kind !== "checkpoint"),
      );
      expect(theirs?.map(({ kind, step }) => [kind, step])).toEqual(mine?.map(({ kind, step }) => [kind, step]));
      for (const [i, metrics] of (mine ?? []).entries()) {
        const [expected, found] = [numbersOf(metrics), numbersOf(theirs?.[i] as Metrics)];
        expect(found).toHaveLength(metrics.kind === "step" ? 6 : 9);
        for (const [j, value] of expected.entries())
          expect(Math.abs((found[j] ?? NaN) - (value ?? NaN)), `${metrics.kind} ${metrics.step}: ${j}`).toBeLessThan(
            tolerance,
          );
      }
    }

    it("has the losses, norms and perplexities of `dynamo train`, and its weights", async () => {
      await expectSame(at("one"), 1e-4);
      const [mine, theirs, before] = await Promise.all(
        [checkpointOf("mine"), checkpointOf("one"), at("base")].map((folder) => openCheckpoint(nodeFolder(folder))),
      );
      if (mine === undefined || theirs === undefined || before === undefined) throw new Error("unreachable");
      expect(theirs.config.conditional).toEqual(sizes);
      expect([...theirs.shapes].sort()).toEqual([...mine.shapes].sort());
      for (const name of theirs.shapes.keys()) {
        const [own, expected, start] = await Promise.all([theirs, mine, before].map((each) => each.read(name)));
        const far = (a: ArrayLike<number> = [], b: ArrayLike<number> = []): number =>
          Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0);
        // What is not trained is as it was, bit for bit. The other weights moved by some thousandths.
        if (!isTrained(name, what, undefined)) expect([name, far(own, start)]).toEqual([name, 0]);
        else expect([name, far(own, expected) < 1e-4, far(own, start) > 1e-3]).toEqual([name, true, true]);
      }
      for (const each of [mine, theirs, before]) await each.close();
    });

    it("comes back as a model with parts, and goes on in `dynamo train`", async () => {
      const report = await convertCheckpoint(checkpointOf("one"), at("model"), { dtypes: ["fp32"] });
      expect(report).toMatchObject({ tokenHeads: 3, untrainedHeads: [] });
      const loaded = await loadModel(runtime, at("model"));
      const cache = await loaded.createCache({ rows: 1 });
      const { candidates } = await loaded.forward(cache, [{ tokens: [1, 2, 3] }], { heads: 3, topK: 1 });
      expect(candidates[0]?.[0]?.map(({ conditional }) => conditional !== undefined)).toEqual([false, true, true]);
      await loaded.dispose();
      const more = { ...config, checkpoint: checkpointOf("one"), steps: 1, evaluateEvery: 1 };
      await train(runtime, at("further"), more);
      const [step] = await readMetrics(at("further"));
      expect(step).toMatchObject({ kind: "step", conditionalLosses: [expect.any(Number), expect.any(Number)] });
    });

    it("is the same in two processes with sharded weights, stopped and resumed, and close in bf16", async () => {
      const run = [...launchTwo, at("run", "train.py"), "--device", "cpu", "--rows", "2"];
      const again = model === "gpt_neox" ? ["--activation-checkpointing"] : [];
      succeed(...run, ...again, "--out", at("two"), "--stop-after", "3");
      succeed(...run, "--out", at("two"), "--resume");
      await expectSame(at("two"), 1e-4);
      for (const [out, ...before] of [["half-one"], ["half-two", ...launchTwo]] as const)
        succeed(...before, at("run", "train.py"), "--device", "cpu", "--precision", "bf16", "--out", at(out));
      await expectSame(at("half-one"), 0.05);
      await expectSame(at("half-two"), 0.05);
    });

    it("refuses sizes that it does not know, and a run that would train nothing", () => {
      const path = at("run", "checkpoint", "config.json");
      const dynamo = (conditional: object): string =>
        JSON.stringify({ ...models[model], model_type: model, dynamo: { ...heads, conditional } });
      const refused = (conditional: object): [number | null, string] => {
        writeFileSync(path, dynamo(conditional));
        const { status, stderr } = call(at("run", "train.py"), "--out", at("never"));
        return [status, stderr];
      };
      expect(refused({ triples: 3 })).toEqual([1, expect.stringContaining("not supported by this script: triples")]);
      expect(refused({ between: -1 })).toEqual([
        1,
        expect.stringContaining("expected sizes from 0 to 4096, received -1"),
      ]);
      if (what === "conditional")
        expect(refused({})).toEqual([
          1,
          expect.stringContaining("nothing to train: run.json's train is 'conditional'"),
        ]);
    });
  },
);
