/** Options of the verbs about models and this machine: convert, inspect, count, random-checkpoint, doctor, logits, training-vectors. */
import { seed, wholeNumber } from "../options/numbers.js";
import { choice, choices, flag, required, text, unless, withDefault, type OptionsOf } from "../options/spec.js";
import { devices, dtypes, json, modelOptions } from "./common.js";
import { conditionalSizes } from "./conditional-sizes.js";

export const convertOptions = {
  out: required(text("<folder>", "where the model folder goes")),
  tokenHeads: wholeNumber("<n>", "1 to 4 (default: the checkpoint's); missing heads are initialised, untrained", {
    ...{ least: 1, most: 4 },
  }),
  medusa: text("<heads>", "folder or hub id of Medusa heads for the checkpoint: they become token heads 2 and up"),
  mtp: flag("take along the checkpoint's multi-token-prediction module: it makes token heads 2 and up"),
  dtype: withDefault(["fp32"], choices("<names>", dtypes, "one of them, or several with commas")),
  activations: withDefault(
    "int8",
    choice("<type>", ["int8", "fp32"], "products of q8 and q4: int8 is fastest, fp32 gives the same on every device"),
  ),
  seed: seed("for heads that are missing"),
  overwrite: flag("replace the folder if it exists"),
  json,
};
export type ConvertOptions = OptionsOf<typeof convertOptions>;

export const inspectOptions = { json };
export type InspectOptions = OptionsOf<typeof inspectOptions>;

export const countOptions = {
  model: required(text("<folder>", "model folder with the tokenizer; the mask is written into it")),
  order: withDefault(3, wholeNumber("<n>", "longest n-gram, 1 to 4", { least: 1, most: 4 })),
  minCount: withDefault(2, wholeNumber("<n>", "leave out n-grams seen fewer times", { least: 1 })),
  endOfText: unless("do not count a document's end as a token"),
  json,
};
export type CountOptions = OptionsOf<typeof countOptions>;

export const randomCheckpointOptions = {
  preset: required(text("<size>", "14M, 31M, 70M, 160M, 410M, 1B, 1.4B, 2.8B, 6.9B or 12B")),
  out: required(text("<folder>", "a new folder")),
  tokenHeads: withDefault(1, wholeNumber("<n>", "1 to 4", { least: 1, most: 4 })),
  conditional: conditionalSizes("conditional parts of the heads, as dynamo train takes them"),
  seed: withDefault(0, seed("for the weights")),
};
export type RandomCheckpointOptions = OptionsOf<typeof randomCheckpointOptions>;

export const doctorOptions = { json };
export type DoctorOptions = OptionsOf<typeof doctorOptions>;

export const logitsOptions = {
  ...modelOptions,
  tokens: required(text("<file>", 'JSON: {"tokens": [[ids], …]}')),
  out: required(text("<file>", "a safetensors file")),
  medusa: text("<heads>", "Medusa heads for a checkpoint that is converted for this run"),
  chunk: withDefault("all", text("<how>", "feed the tokens all at once, one by one, ragged, or so many per pass")),
  json,
};
export type LogitsOptions = OptionsOf<typeof logitsOptions>;

export const trainingVectorsOptions = { device: withDefault("cpu", choice("<name>", devices, "where it trains")) };
export type TrainingVectorsOptions = OptionsOf<typeof trainingVectorsOptions>;
