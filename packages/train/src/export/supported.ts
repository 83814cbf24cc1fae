/**
 * What the exported script (torch/train.py) can do. Everything else is refused here, before anybody pays for GPUs, and by the
 * script itself. EXTEND HERE, together with the places in the script that say so.
 */
import { DynamoError } from "@dynamo/core";
import type { ModelConfig } from "@dynamo/model";
import { nothingToTrain } from "../trainer-checks.js";
import { parseTrainingConfig, type TrainingConfig } from "../run/start/training-config.js";

/** Options that the script follows as they are. */
const followed = [
  "tokenHeads",
  "train",
  "steps",
  "batch",
  "microBatches",
  "sequence",
  "learningRate",
  "stemGradientScale",
  "distillation",
  "schedule",
  "warmUp",
  "floor",
  "weightDecay",
  "decayNormsAndBiases",
  "beta1",
  "beta2",
  "epsilon",
  "clipNorm",
  "seed",
  "evaluateEvery",
  "evaluationBatches",
  "checkpointEvery",
  "keepCheckpoints",
] as const satisfies readonly (keyof TrainingConfig)[];

/** Options that become folders or other values, and samples, which the script leaves to `dynamo generate`. */
const translated = [
  "checkpoint",
  "architecture",
  "dataset",
  "headLearningRate",
  "headWeights",
  // The exported checkpoint has the heads already.
  "headInitialisation",
  "samplePrompts",
  // The command that is printed says it.
  "precision",
  // The script stops for values that are not finite alone.
  "divergenceFactor",
  // `checkModel` looks at what the heads turn out to be, whoever said so.
  "headLayers",
  "headInput",
  "ownOutputEmbedding",
  "conditional",
] as const satisfies readonly (keyof TrainingConfig)[];

const refuse = (what: string): never => {
  throw new DynamoError(
    "unsupported",
    `the PyTorch script cannot do this yet: ${what}; train it with \`dynamo train\``,
  );
};

/** run.json: the configuration with every default in place. Throws `unsupported` for options that the script does not know. */
export function torchRunFile(config: TrainingConfig): Readonly<Record<string, unknown>> {
  const known = new Set<string>([...followed, ...translated]);
  const defaults: Readonly<Record<string, unknown>> = parseTrainingConfig({
    checkpoint: "",
    dataset: "",
    steps: 1,
    learningRate: 1,
  });
  const others = Object.entries(config).filter(
    ([name, value]) => !known.has(name) && JSON.stringify(value) !== JSON.stringify(defaults[name]),
  );
  if (others.length > 0) refuse(others.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", "));
  return {
    format: "dynamo-torch-run",
    version: 1,
    ...Object.fromEntries(followed.map((name) => [name, config[name]])),
    headLearningRate: config.headLearningRate ?? config.learningRate,
    headWeights: config.headWeights ?? new Array<number>(config.tokenHeads).fill(1),
  };
}

/** Keys of config.json's `dynamo` that the script understands. */
const dynamoKeys: ReadonlySet<string> = new Set(["token_heads", "untrained_heads", "conditional"]);

/**
 * Throws `unsupported` for token heads that are not one decoder layer each on the stem, `invalid-argument` where nothing would be
 * trained. `json` is the file to be written.
 */
export function checkModel({ tokenHeads, train }: TrainingConfig, json: ModelConfig["raw"]): void {
  const dynamo = (json["dynamo"] ?? {}) as Readonly<Record<string, unknown>>;
  const others = Object.keys(dynamo).filter((key) => !dynamoKeys.has(key));
  if (others.length > 0) refuse(`config.json's dynamo.${others.join(", dynamo.")}`);
  if (train === "heads" && tokenHeads < 2) throw nothingToTrain(train);
  if (train === "conditional" && dynamo["conditional"] === undefined) throw nothingToTrain(train);
}

const manifestKeys: ReadonlySet<string> = new Set([
  "format",
  "version",
  "tokenizer",
  "dtype",
  "heldOutFraction",
  "sources",
]);
const sourceKeys: ReadonlySet<string> = new Set(["name", "weight", "train", "held-out"]);
const splitKeys: ReadonlySet<string> = new Set(["documents", "tokens", "bytes", "shards"]);

/**
 * Throws `unsupported` for datasets that say more than which tokens there are, such as which of them count in the loss. `json`
 * is dataset.json as it stands, after its check: that keeps only what it knows.
 */
export function checkDataset(json: Readonly<Record<string, unknown>>): void {
  const sources = json["sources"] as readonly Readonly<Record<string, object>>[];
  const others = [
    ...Object.keys(json).filter((key) => !manifestKeys.has(key)),
    ...sources.flatMap((source) => Object.keys(source)).filter((key) => !sourceKeys.has(key)),
    ...sources
      .flatMap((source) => [source["train"], source["held-out"]])
      .flatMap((split) => Object.keys(split ?? {}))
      .filter((key) => !splitKeys.has(key)),
  ];
  if (others.length > 0) refuse(`a dataset with ${[...new Set(others)].join(", ")}`);
}
