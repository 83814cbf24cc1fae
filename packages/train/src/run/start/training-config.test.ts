/** Every option that is wrong is named, with what was expected and received. */
import { DynamoError } from "@dynamo/core";
import { expect, test } from "vitest";
import { parseTrainingConfig } from "./training-config.js";

const architecture = { hiddenSize: 16, layers: 2, attentionHeads: 2, contextLength: 64 };
const fine = { architecture, dataset: "data", steps: 1, learningRate: 1e-3 };

/** What is said of a configuration with these changes. */
function problems(changes: Record<string, unknown>): string {
  try {
    parseTrainingConfig({ ...fine, ...changes });
    return "nothing";
  } catch (error) {
    if (!DynamoError.is(error) || error.code !== "invalid-argument") throw error;
    return error.message.replace("the training configuration is wrong: ", "");
  }
}

test.each<[Record<string, unknown>, string]>([
  [{ dataset: undefined }, "dataset: expected string, received undefined"],
  [{ dataset: 7 }, "dataset: expected string, received 7"],
  [{ steps: 0 }, "steps: expected number to be >=1, received 0"],
  [{ steps: 1.5 }, "steps: expected int, received 1.5"],
  [{ steps: "9" }, 'steps: expected number, received "9"'],
  [{ tokenHeads: 5 }, "tokenHeads: expected number to be <=4, received 5"],
  [{ headLayers: 3 }, "headLayers: expected number to be <=2, received 3"],
  [{ headInput: "first" }, 'headInput: expected one of "stem"|"last"|"previous", received "first"'],
  [{ headInitialisation: 1 }, 'headInitialisation: expected one of "random"|"copied", received 1'],
  [{ train: "base" }, 'train: expected one of "all"|"heads"|"conditional", received "base"'],
  [{ stem: true }, 'stem: expected one of "graph"|"session", received true'],
  [{ batch: -1 }, "batch: expected number to be >=1, received -1"],
  [{ microBatches: 0 }, "microBatches: expected number to be >=1, received 0"],
  [{ sequence: 1 }, "sequence: expected number to be >=2, received 1"],
  [{ learningRate: 0 }, "learningRate: expected number to be >0, received 0"],
  [{ learningRate: null }, "learningRate: expected number, received null"],
  [{ headLearningRate: -1 }, "headLearningRate: expected number to be >0, received -1"],
  [{ stemGradientScale: -0.1 }, "stemGradientScale: expected number to be >=0, received -0.1"],
  [{ distillation: 2 }, "distillation: expected number to be <=1, received 2"],
  [{ headWeights: [1, 0, 1] }, "headWeights.1: expected number to be >0, received 0"],
  [{ headWeights: [1] }, "headWeights: expected one for each token head"],
  [{ schedule: "linear" }, 'schedule: expected one of "cosine"|"constant", received "linear"'],
  [{ warmUp: 1.1 }, "warmUp: expected number to be <=1, received 1.1"],
  [{ floor: -1 }, "floor: expected number to be >=0, received -1"],
  [{ weightDecay: -1 }, "weightDecay: expected number to be >=0, received -1"],
  [{ decayNormsAndBiases: "no" }, 'decayNormsAndBiases: expected boolean, received "no"'],
  [{ beta2: 3 }, "beta2: expected number to be <=1, received 3"],
  [{ epsilon: 0 }, "epsilon: expected number to be >0, received 0"],
  [{ clipNorm: 0 }, "clipNorm: expected number to be >0, received 0"],
  [{ divergenceFactor: 0.5 }, "divergenceFactor: expected 0, or a number above 1, received 0.5"],
  [{ divergenceFactor: "off" }, 'divergenceFactor: expected number, received "off"'],
  [{ seed: 0.5 }, "seed: expected int, received 0.5"],
  [{ evaluateEvery: 0 }, "evaluateEvery: expected number to be >=1, received 0"],
  [{ keepCheckpoints: 0 }, "keepCheckpoints: expected number to be >=1, received 0"],
  [{ samplePrompts: "Once" }, 'samplePrompts: expected array, received "Once"'],
  [{ samplePrompts: [1] }, "samplePrompts.0: expected string, received 1"],
  [{ architecture: { ...architecture, layers: 1 } }, "architecture.layers: expected number to be >=2, received 1"],
  [{ architecture: undefined }, "give either a checkpoint to start from, or an architecture for a new model"],
  [{ checkpoint: "base" }, "give either a checkpoint to start from, or an architecture for a new model"],
  [
    { stem: "session" },
    "stem: a session is frozen, so that it needs a checkpoint to start from, and `train` to be `heads` or `conditional`",
  ],
  [{ stemDtype: "q8" }, "stemDtype: only a stem that is a session has a dtype of its own"],
  [{ lerningRate: 1 }, "lerningRate: there is no such option, did you mean learningRate?"],
  [{ "token-heads": 2 }, "token-heads: there is no such option, did you mean tokenHeads?"],
  [{ batchSize: 2 }, "batchSize: there is no such option"],
  [
    { architecture: { ...architecture, layer: 1 } },
    "architecture.layer: there is no such option, did you mean layers?",
  ],
])("%j: %s", (changes, expected) => {
  expect(problems(changes)).toBe(expected);
});

test("several problems are told together, long values are cut, and what is no object is one", () => {
  const said = problems({ steps: 0, batch: "x".repeat(500), sed: 1 });
  expect(said).toMatch(
    /^steps: .*; batch: expected number, received "x{60}… \(500 characters\)"; sed: there is no such option, did you mean seed\?$/,
  );
  const unknown = Array.from({ length: 100 }, (_, i) => [String(i).padEnd(500, "x"), i] as const);
  const many = problems(Object.fromEntries<unknown>(unknown));
  expect(many).toMatch(/; 90 more$/);
  expect(many.length).toBeLessThan(1500);
  for (const json of [null, 7, [], "x"]) expect(() => parseTrainingConfig(json)).toThrow(/expected object/);
});

test("the defaults are the paper's, and a configuration with them in place is itself", () => {
  const config = parseTrainingConfig(fine);
  expect(config).toMatchObject({ tokenHeads: 3, stemGradientScale: 0.1, warmUp: 0.01, beta1: 0.9, beta2: 0.95 });
  expect(parseTrainingConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
});
