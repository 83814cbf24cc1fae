/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { rmSync } from "node:fs";
import { callContract } from "@dynamo/call-contract";
import { tensor, type Runtime, type Tensor } from "@dynamo/core";
import { isPlainObject } from "@dynamo/core/options";
import { functionNames, type PublicCall } from "@dynamo/core/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  byteDataset,
  countingRows,
  initialWeights,
  temporaryFolder,
  tinyModel,
  tinyRun,
  trainerOptions,
} from "./__fixtures__/tiny.js";
import * as train from "./index.js";
import type { Metrics } from "./node.js";
import * as node from "./node.js";

const place = temporaryFolder();
let dataset: node.Dataset;
beforeAll(async () => {
  dataset = await node.openDataset(await byteDataset(place));
});
afterAll(async () => {
  await dataset.close();
  rmSync(place, { recursive: true });
});

/** It computes zeros. */
const outputs: Readonly<Record<string, Tensor>> = { losses: tensor("float32", [2]), gradient_norm: tensor("float32", []) }; // prettier-ignore
const runtime = {
  device: () => Promise.resolve({ device: "cpu", reason: "" }),
  createSession: () =>
    Promise.resolve({ run: () => Promise.resolve(outputs), dispose: () => Promise.resolve() } as never),
  createState: (tensors) =>
    Promise.resolve({ read: () => Promise.resolve(tensors), dispose: () => Promise.resolve() } as never),
  dispose: () => Promise.resolve(),
} satisfies Runtime;
const model = tinyModel();
const start = { weights: initialWeights(model) };
const rows = countingRows(2, 10, 19);
const trainer = train.createTrainer(runtime, model, start, trainerOptions());

const config = tinyRun("/none/such");
const times = { learningRate: 1, headLearningRate: 1, tokens: 1, seconds: 1, dataSeconds: 0 };
const metrics: Metrics[] = [
  { kind: "step", step: 1, losses: [1, 2], gradientNorm: 1, ...times },
  { kind: "evaluation", step: 1, losses: [1, 2], perplexities: [2, 3], jointPerplexities: [2, 3] },
  { kind: "sample", step: 1, prompt: "a", text: "b" },
  { kind: "checkpoint", step: 1, folder: "a", seconds: 1 },
];
const none = "/dev/null/x";
const preparation = { sources: [{ name: "a", files: ["/none/such"] }], tokenizerJson: "{}", endOfText: 0, out: none, workers: 1, heldOutFraction: 0.5, shardTokens: 5, overwrite: false }; // prettier-ignore

const trainFunctions: Readonly<Record<string, PublicCall>> = {
  createTrainer: {
    call: train.createTrainer,
    right: [runtime, model, start, { ...trainerOptions(), headLora: undefined, precision: "float32" }],
    options: [[2], [3], [3, "adamw"]],
  },
};
/** Of what is right with nothing there: no file is read or written. */
const nodeFunctions: Readonly<Record<string, PublicCall>> = {
  openDataset: { call: node.openDataset, right: ["/none/such"] },
  documents: { call: node.documents, right: [["/none/such"]] },
  totalBytes: { call: node.totalBytes, right: [["/none/such"]] },
  prepareDataset: { call: node.prepareDataset, right: [preparation], options: [[0]] },
  prepareChatDataset: {
    call: node.prepareChatDataset,
    right: [{ ...preparation, rowTokens: 64, template: "{{ messages }}" }],
    options: [[0]],
  },
  verifyDataset: {
    call: (given: object, manifest: unknown, options: node.VerifyOptions) => {
      const own = manifest === "its own" ? dataset.manifest : manifest;
      return node.verifyDataset((isPlainObject(given) ? { ...given, manifest: own } : given) as never, options);
    },
    right: [{ folder: "/none/such" }, "its own", { signal: undefined }],
    options: [[2]],
  },
  hashText: { call: node.hashText, right: ["a"] },
  splitOf: { call: node.splitOf, right: ["a", 0.5] },
  exportTorch: { call: node.exportTorch, right: [config, none, { shardBytes: 5e9 }], options: [[2]] },
  listCheckpoints: { call: node.listCheckpoints, right: ["/none/such"] },
  metricsPath: { call: node.metricsPath, right: ["/none/such"] },
  readMetrics: { call: node.readMetrics, right: ["/none/such"] },
  reportHtml: { call: node.reportHtml, right: [metrics, config] },
  writeReport: { call: node.writeReport, right: [none, config] },
  sampleCheckpoint: {
    call: node.sampleCheckpoint,
    right: [runtime, "/none/such", 1, ["a"], { maxNewTokens: 1, dtype: "fp32", seed: 1, chat: false }],
    options: [[4]],
  },
  readRunConfig: { call: node.readRunConfig, right: ["/none/such"] },
  train: { call: node.train, right: [runtime, none, config, { resume: true, memory: 5 }], options: [[3]] },
  modelDTypeOf: { call: node.modelDTypeOf, right: [config] },
  parseTrainingConfig: { call: node.parseTrainingConfig, right: [config], options: [[0]] },
  runTrainingVectors: { call: node.runTrainingVectors, right: [runtime, "/none/such"] },
  lockRun: { call: node.lockRun, right: [none, {}], options: [[1]] },
};
const taken = ["hashText", "splitOf", "metricsPath", "readMetrics", "listCheckpoints", "reportHtml", "modelDTypeOf", "parseTrainingConfig"]; // prettier-ignore

const methods: Readonly<Record<string, PublicCall>> = {
  "trainer.step": {
    call: async (...given: Parameters<train.Trainer["step"]>) => (await trainer).step(...given),
    right: [[{ ...rows, counted: new Uint8Array(20).fill(1) }], 0, { base: 1, heads: 1 }],
    options: [[2]],
  },
  "trainer.evaluate": { call: async (given: train.TokenRows) => (await trainer).evaluate(given), right: [rows] },
  "dataset.batches": {
    call: async (options: node.BatchOptions) => {
      const batches = dataset.batches(options);
      await batches.next();
      await batches.close();
    },
    right: [{ split: "train", batchSize: 2, sequenceLength: 16, seed: 1, position: { drawn: { text: 0 } } }],
    options: [[0], [0, "position"]],
  },
};

const calls = { ...trainFunctions, ...nodeFunctions, ...methods };

callContract(calls, {
  // A trainer is built of graphs each time.
  runs: (name) => (name === "createTrainer" ? 3 : 20),
  takesPaths: true,
  unknownOption: ["sed", /sed/],
  expectRight: (name, outcome) => {
    if (name in nodeFunctions && !taken.includes(name)) expect(outcome).not.toBe("settled");
    else expect(outcome).toBe("settled");
  },
});

test("every public function is here", () => {
  expect(Object.keys(trainFunctions).sort()).toEqual(functionNames(train).sort());
  expect(Object.keys(nodeFunctions).sort()).toEqual(functionNames(node).sort());
});

const right = { ...preparation, tokenizerJson: {} };
test.each([
  [() => node.prepareDataset({ ...right, heldout: 0.1 } as never), /prepareDataset\(\) has no option heldout: .*expected one of sources, tokenizerJson/], // prettier-ignore
  [() => node.prepareDataset({ ...right, sources: ["a.txt"] } as never), /sources must be a list of sources \{ name, files, weight \}/], // prettier-ignore
  [() => node.prepareDataset({ ...right, workers: 65 }), /workers must be a whole number from 1 to 64, received 65/],
  [() => node.prepareChatDataset({ ...right, rowtokens: 64 } as never), /no option rowtokens: did you mean rowTokens\?/], // prettier-ignore
  [() => node.train(Promise.resolve(runtime) as never, none, config), /runtime must be a runtime.*received a Promise/],
  [() => node.train(runtime, none, {} as never), /config must be a training configuration, as parseTrainingConfig\(\) returns/], // prettier-ignore
  [() => node.openDataset(undefined as never), /folder must be a folder's path, received undefined/],
  [() => node.lockRun(none, { word: "a" } as never), /lockRun\(\) has no option word/],
  [() => dataset.batches({ split: "test", batchSize: 1, sequenceLength: 8, seed: 1 } as never), /split must be one of "train", "held-out", received "test"/], // prettier-ignore
  [() => dataset.batches({ split: "train", batchSize: 1, sequencelength: 8, seed: 1 } as never), /did you mean sequenceLength\?/], // prettier-ignore
  [() => node.reportHtml([{ ...metrics[0], step: 1.5e-323 } as never], config), /metrics must be a run's metrics/], // prettier-ignore
  [() => node.reportHtml([{ kind: "step", step: 1 } as never], config), /metrics must be a run's metrics, as readMetrics\(\) resolves to/], // prettier-ignore
  [() => train.createTrainer(runtime, model, start, trainerOptions({ headWeights: [1] })), /headWeights must be a list of 2 numbers, one for each token head/], // prettier-ignore
  [() => train.createTrainer(runtime, model, start, { ...trainerOptions(), learningRate: 1 } as never), /createTrainer\(\) has no option learningRate/], // prettier-ignore
  [async () => (await trainer).step([rows], 0, { base: "1" } as never), /base must be a number of at least 0, received "1"/], // prettier-ignore
])("%#: refused by name", async (call, expected) => {
  const called = async (): Promise<void> => {
    await call();
  };
  await expect(called()).rejects.toThrow(expected);
});
