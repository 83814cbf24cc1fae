/** What a run is: a JSON file or the command line's flags, checked, with the defaults of the paper. */
import { DynamoError } from "@dynamo/core";
import { checkValue, isPlainObject, valueCheck } from "@dynamo/core/options";
import { maxConditionalSize } from "@dynamo/model";
import { z } from "zod";
import { describeProblems } from "./config-problems.js";

const wholeFrom = (least: number): z.ZodNumber => z.int().min(least);
const fraction = z.number().min(0).max(1);

/** The base model of a run that begins without a checkpoint. */
const architecture = z.strictObject({
  hiddenSize: wholeFrom(1),
  layers: wholeFrom(2),
  attentionHeads: wholeFrom(1),
  intermediateSize: wholeFrom(1).optional(),
  contextLength: wholeFrom(2),
  rotaryPercent: z.number().gt(0).max(1).default(0.25),
});

export const trainingConfig = z
  .strictObject({
    /** A checkpoint folder in Hugging Face form; or `architecture`, to begin from random weights. */
    checkpoint: z.string().optional(),
    architecture: architecture.optional(),
    tokenHeads: wholeFrom(1).max(4).default(3),
    /** Decoder layers a head from the second on; by default those of the checkpoint's heads, or 1. */
    headLayers: wholeFrom(1).max(2).optional(),
    /** What heads 2..N are built on: the penultimate base layer (default), the last one, or the head before. */
    headInput: z.enum(["stem", "last", "previous"]).optional(),
    /** Whether heads 2..N have an output embedding each, which begins as a copy of the base's; by default as the checkpoint's. */
    ownOutputEmbedding: z.boolean().optional(),
    /**
     * Heads 2..N are copies of the base's last layer, of whose matrices only updates of this rank are trained, scaled by
     * alpha / rank; alpha is the rank when absent.
     */
    headLora: z.strictObject({ rank: wholeFrom(1), alpha: z.number().positive().optional() }).optional(),
    /**
     * What heads 2..N learn of the tokens between: the rank of pairs of tokens, and the width of a network over the head's state and these
     * tokens; by default as the checkpoint's. Parts that it lacks begin as nothing.
     */
    conditional: z
      .strictObject({
        pairs: z.int().min(0).max(maxConditionalSize).default(0),
        between: z.int().min(0).max(maxConditionalSize).default(0),
      })
      .refine(({ pairs, between }) => pairs + between > 0, {
        message: "conditional: expected pairs or between above 0",
      })
      .optional(),
    /** How heads that the checkpoint lacks begin: from random weights, or each as a copy of the base's last layer. */
    headInitialisation: z.enum(["random", "copied"]).default("random"),
    /** A dataset folder made by `dynamo data prepare`, tokenizer included. */
    dataset: z.string(),
    /** `all` trains everything, `heads` only heads 2..N, `conditional` only their conditional parts. */
    train: z.enum(["all", "heads", "conditional"]).default("all"),
    /** Where the frozen stem runs when heads alone train: in the training graph, or as an inference session (large bases). */
    stem: z.enum(["graph", "session"]).default("graph"),
    /** Of a stem session's weights; q8 when absent. */
    stemDtype: z.enum(["fp32", "q8", "q4"]).optional(),
    /** Of training's matrix products; float16 scales the loss, and pays on devices with kernels for it (cuda, webgpu). */
    precision: z.enum(["float32", "float16"]).default("float32"),
    steps: wholeFrom(1),
    batch: wholeFrom(1).default(16),
    microBatches: wholeFrom(1).default(1),
    sequence: wholeFrom(2).default(256),
    /** LR_B and LR_M of the paper. */
    learningRate: z.number().positive(),
    headLearningRate: z.number().positive().optional(),
    /** LR_MB / LR_B of the paper. */
    stemGradientScale: z.number().min(0).default(0.1),
    /** How much heads 2..N learn from head 1's distribution instead of the tokens alone: 0 not at all, 1 from it only. */
    distillation: fraction.default(0),
    headWeights: z.array(z.number().positive()).optional(),
    schedule: z.enum(["cosine", "constant"]).default("cosine"),
    /** As a fraction of the steps; the paper's is 1 %. */
    warmUp: fraction.default(0.01),
    /** The learning rate at the end, as a fraction. */
    floor: fraction.default(0),
    weightDecay: z.number().min(0).default(0.01),
    decayNormsAndBiases: z.boolean().default(false),
    beta1: fraction.default(0.9),
    beta2: fraction.default(0.95),
    epsilon: z.number().positive().default(1e-8),
    clipNorm: z.number().positive().default(1),
    /** A loss that stays so many times above the best one, and above a guess's, stops the run; 0 never does (divergence.ts). */
    divergenceFactor: z
      .number()
      .refine((factor) => factor === 0 || factor > 1, { message: "expected 0, or a number above 1" })
      .default(2),
    seed: z.int().default(0),
    evaluateEvery: wholeFrom(1).default(500),
    evaluationBatches: wholeFrom(1).default(20),
    checkpointEvery: wholeFrom(1).default(500),
    keepCheckpoints: wholeFrom(1).default(2),
    samplePrompts: z.array(z.string()).max(16).default([]),
  })
  .refine(({ checkpoint, architecture: own }) => (checkpoint === undefined) !== (own === undefined), {
    message: "give either a checkpoint to start from, or an architecture for a new model",
  })
  .refine(({ stem, train, checkpoint }) => stem === "graph" || (train !== "all" && checkpoint !== undefined), {
    message:
      "stem: a session is frozen, so that it needs a checkpoint to start from, and `train` to be `heads` or `conditional`",
  })
  .refine(({ stem, stemDtype }) => stem === "session" || stemDtype === undefined, {
    message: "stemDtype: only a stem that is a session has a dtype of its own",
  })
  .refine(
    ({ headLora, checkpoint, tokenHeads }) => headLora === undefined || (checkpoint !== undefined && tokenHeads > 1),
    {
      message:
        "headLora: heads adapt a trained layer, so that it needs a checkpoint to start from and 2 token heads or more",
    },
  )
  .refine(({ conditional, tokenHeads }) => conditional === undefined || tokenHeads > 1, {
    message: "conditional: heads from the second on have such parts, so that it needs 2 token heads or more",
  })
  .refine(({ headWeights, tokenHeads }) => headWeights === undefined || headWeights.length === tokenHeads, {
    message: "headWeights: expected one for each token head",
  });

/** A training configuration, with all defaults filled in. */
export type TrainingConfig = z.output<typeof trainingConfig>;
/** A training configuration as it is written. */
export type TrainingConfigInput = z.input<typeof trainingConfig>;

/** The dtype of a stem session. */
export const stemDTypeOf = ({ stemDtype = "q8" }: Partial<Pick<TrainingConfig, "stemDtype">>): "fp32" | "q8" | "q4" =>
  stemDtype;

/** The dtype in which a run's model is shown: a base that trains as q8 is too large to be converted in fp32 by the way. */
export function modelDTypeOf(config: TrainingConfig): "fp32" | "q8" | "q4" {
  checkConfig(config);
  return config.stem === "session" ? stemDTypeOf(config) : "fp32";
}

/** One that was not parsed lacks what has a default. */
const configCheck = valueCheck<TrainingConfig>(
  "a training configuration, as parseTrainingConfig() returns",
  (value) => {
    if (!isPlainObject(value)) return false;
    const { success, data = {} } = trainingConfig.safeParse(value);
    return success && Object.keys(data).every((name) => Object.hasOwn(value as object, name));
  },
);

/** Throws `invalid-argument` for what parseTrainingConfig() does not return: for an unknown option, too, which it names. */
export function checkConfig(config: TrainingConfig): void {
  const issues = isPlainObject(config) ? (trainingConfig.safeParse(config).error?.issues ?? []) : [];
  if (issues.some(({ code }) => code === "unrecognized_keys")) parseTrainingConfig(config);
  checkValue("config", config, configCheck);
}

/** Options at a place of the configuration: its own, or the architecture's. */
const optionNames = (path: readonly PropertyKey[]): string[] =>
  Object.keys(path.length === 0 ? trainingConfig.shape : architecture.shape);

/** Throws `invalid-argument` that lists every option that is wrong, with what was expected and received. */
export function parseTrainingConfig(json: unknown): TrainingConfig {
  const parsed = trainingConfig.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = describeProblems(parsed.error.issues, json, optionNames);
  throw new DynamoError("invalid-argument", `the training configuration is wrong: ${problems.join("; ")}`);
}

/** What must stay as it was when a run goes on; how often it reports and for how long it keeps checkpoints may change. */
const free: ReadonlySet<string> = new Set([
  "evaluateEvery",
  "evaluationBatches",
  "checkpointEvery",
  "keepCheckpoints",
  "divergenceFactor",
  "samplePrompts",
  "dataset",
  "checkpoint",
]);

/** Throws `invalid-argument` that says what differs, when a run is to go on with another configuration. */
export function checkSameRun(before: TrainingConfig, now: TrainingConfig): void {
  const names = (Object.keys({ ...before, ...now }) as (keyof TrainingConfig)[]).filter((name) => !free.has(name));
  const differences = names.flatMap((name) => {
    const [was, is] = [before, now].map((config) => JSON.stringify(config[name]) as string | undefined);
    return was === is ? [] : [`${name} was ${was ?? "not set"}, is ${is ?? "not set"}`];
  });
  if (differences.length === 0) return;
  throw new DynamoError(
    "invalid-argument",
    `the run cannot go on with another configuration: ${differences.join("; ")}; start a new one for that`,
  );
}
