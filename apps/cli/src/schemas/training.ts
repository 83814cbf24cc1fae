/** Options of the verbs that train: train, data prepare, data prepare-chat, tokenizer train. */
import { number, numbers, seed, wholeNumber } from "../options/numbers.js";
import { choice, flag, optionalFlag, required, text, texts, withDefault, type OptionsOf } from "../options/spec.js";
import { devices, json, maxNewTokens, modelOptions, queue, repetitionPenalty, topK } from "./common.js";
import { conditionalSizes } from "./conditional-sizes.js";

const share = { least: 0, most: 1 };
const atLeastOne = { least: 1 };

/** Of a run's configuration; its file may say the same. The ranges stand there: what is wrong is named all at once. */
export const configurationOptions = {
  checkpoint: text("<folder>", "the model to start from, in Hugging Face form; else `architecture` in the config"),
  text: texts("<file>", "text to train on; repeat it for several files"),
  tokenizer: text("<folder>", "tokenizer for --text, when the checkpoint has none"),
  dataset: text("<folder>", "from `dynamo data prepare`, instead of --text"),
  tokenHeads: wholeNumber("<n>", "1 to 4 (default 3)"),
  headLayers: wholeNumber("<n>", "decoder layers of heads 2 and up: 1 or 2 (default: the checkpoint's, or 1)"),
  headInput: choice(
    "<layer>",
    ["stem", "last", "previous"],
    "what heads 2 and up are built on: the penultimate base layer (stem, the default), the last one, or the head before",
  ),
  ownOutputEmbedding: optionalFlag("an output embedding for each head from 2 on, at first a copy of the base's"),
  headLoraRank: wholeNumber(
    "<r>",
    "heads 2 and up are copies of the base's last layer; train only updates of this rank of their matrices",
  ),
  headLoraAlpha: number("<a>", "those updates are scaled by a / r (default: r)"),
  headInitialisation: choice(
    "<how>",
    ["random", "copied"],
    "how heads that the checkpoint lacks begin: random (the default), or copied from the base's last layer",
  ),
  conditional: conditionalSizes(
    "what heads 2 and up learn of the tokens between: pairs, between or both, each with a size (default pairs:64, between:192)",
  ),
  conditionalOnly: optionalFlag("freeze the heads too, but for their conditional parts"),
  headsOnly: optionalFlag("freeze the base model and train only heads 2 and up"),
  stem: choice(
    "<how>",
    ["graph", "session"],
    "with --heads-only or --conditional-only: session keeps a base that is too large outside the training state",
  ),
  stemDtype: choice("<name>", ["fp32", "q8", "q4"], "of a stem session (default q8)"),
  precision: choice("<name>", ["float32", "float16"], "of training's matrix products (default float32)"),
  steps: wholeNumber("<n>", "optimizer steps"),
  batch: wholeNumber("<n>", "rows of a micro-batch (default 16)"),
  microBatches: wholeNumber("<n>", "micro-batches of a step: larger batches in the same memory (default 1)"),
  sequence: wholeNumber("<n>", "tokens of a row (default 256)"),
  learningRate: number("<r>", "of the base model: LR_B"),
  headLearningRate: number("<r>", "of heads 2 and up: LR_M (default: the base's)"),
  stemGradientScale: number("<s>", "what heads send into the stem: LR_MB / LR_B (default 0.1)"),
  distillation: number("<share>", "share of head 1's distribution in the targets of heads 2 and up (default 0)"),
  weightDecay: number("<d>", "default 0.01"),
  clipNorm: number("<n>", "largest norm of all gradients together (default 1)"),
  warmUp: number("<fraction>", "of the steps (default 0.01)"),
  seed: seed("for new weights and the data's order"),
  evaluateEvery: wholeNumber("<steps>", "on held-out text (default 500)"),
  checkpointEvery: wholeNumber("<steps>", "default 500"),
  samplePrompt: texts("<text>", "continued at every checkpoint; may be repeated"),
};
export type TrainingFlags = OptionsOf<typeof configurationOptions>;

export const trainOptions = {
  out: text("<folder>", "the run: checkpoints, metrics.jsonl, report.html and, at its end, the model folder"),
  exportTorch: text(
    "<folder>",
    "do not train: write the run to a new folder, with a PyTorch script that trains it on many GPUs under torchrun",
  ),
  resume: flag("continue from the newest checkpoint in the folder"),
  ...configurationOptions,
  device: withDefault("cpu", choice("<name>", devices, "where it trains")),
  threads: wholeNumber("<n>", "CPU threads", atLeastOne),
  json,
};
export type TrainOptions = OptionsOf<typeof trainOptions>;

const prepared = {
  tokenizer: required(text("<folder>", "a model, checkpoint or tokenizer folder, or a tokenizer.json")),
  out: required(text("<folder>", "where the dataset goes")),
};
const shared = {
  weight: texts("<name=w>", "a source's part of every batch; name: the file's, without its ending"),
  workers: wholeNumber("<n>", "tokenizing threads", atLeastOne),
  overwrite: flag("replace the folder if it exists"),
  json,
};
const heldOut = (what: string) =>
  withDefault(0.03, number("<fraction>", `${what} that are kept for evaluation`, share));

export const prepareOptions = { ...prepared, ...shared, heldOut: heldOut("documents") };
export type PrepareOptions = OptionsOf<typeof prepareOptions>;

export const prepareChatOptions = {
  ...prepared,
  sequence: withDefault(512, wholeNumber("<n>", "tokens of a row: longer conversations are cut", atLeastOne)),
  template: text("<file>", "a Jinja chat template (default: the tokenizer's own, or one of plain words)"),
  ...shared,
  heldOut: heldOut("questions"),
};
export type PrepareChatOptions = OptionsOf<typeof prepareChatOptions>;

export const generateDataOptions = {
  out: required(text("<file>", 'where the texts go, JSON lines with {"text"}')),
  tokens: required(wholeNumber("<n>", "tokens to write, beginnings left out", atLeastOne)),
  text: texts("<file>", "texts whose beginnings are continued, one after the other; repeat it for several files"),
  beginning: withDefault(8, wholeNumber("<n>", "tokens of a beginning", atLeastOne)),
  temperature: withDefault(
    [0.7, 1],
    numbers("<list>", "of the texts in turn: as the model will be used", { least: 0 }),
  ),
  topK,
  repetitionPenalty,
  maxNewTokens: maxNewTokens("of a text", 240),
  slots: withDefault(16, wholeNumber("<n>", "texts that are written side by side", atLeastOne)),
  seed: withDefault(0, seed("text i has this plus i")),
  queue,
  resume: flag("go on with a file that was begun, with the same options"),
  overwrite: flag("replace the file if it exists"),
  ...modelOptions,
  json,
};
export type GenerateDataOptions = OptionsOf<typeof generateDataOptions>;

export const tokenizerOptions = {
  out: required(text("<folder>", "where tokenizer.json goes")),
  vocabulary: withDefault(4096, wholeNumber("<n>", "tokens, with <|endoftext|> and the 256 bytes", { least: 257 })),
  minFrequency: withDefault(2, wholeNumber("<n>", "a pair seen fewer times becomes no token", atLeastOne)),
  contextLength: wholeNumber("<n>", "the model's, for tokenizer_config.json", atLeastOne),
  overwrite: flag("replace the files if they exist"),
  json,
};
export type TokenizerOptions = OptionsOf<typeof tokenizerOptions>;
