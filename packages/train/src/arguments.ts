/** What the arguments of this package's public functions on files must be. */
import type { Runtime } from "@dynamo/core";
import {
  abortSignal,
  callback,
  flag,
  folderCheck,
  hasMethods,
  isPlainObject,
  listOf,
  numberIn,
  pathCheck,
  required,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { DatasetSource, PrepareOptions } from "./data/prepare-options.js";
import type { TrainingConfig } from "./run/training-config.js";

export { folderCheck, pathCheck };

export const filesCheck = listOf(pathCheck, "a list of files' paths");

export const runtimeCheck = valueCheck<Runtime>("a runtime, as createNodeRuntime() makes it", (value) =>
  hasMethods(value, "createSession", "device"),
);

/** One that was not parsed lacks what has a default. */
export const configCheck = valueCheck<TrainingConfig>(
  "a training configuration, as parseTrainingConfig() returns",
  (value) =>
    isPlainObject(value) &&
    pathCheck.accepts((value as TrainingConfig).dataset) &&
    [
      (value as TrainingConfig).steps,
      (value as TrainingConfig).tokenHeads,
      (value as TrainingConfig).keepCheckpoints,
    ].every(whole(1).accepts),
);

const isSource = (value: unknown): boolean => {
  if (!isPlainObject(value)) return false;
  const { name, files, weight, ...unknown } = value as Partial<DatasetSource>;
  const numbered = weight === undefined || typeof weight === "number";
  return typeof name === "string" && filesCheck.accepts(files) && numbered && Object.keys(unknown).length === 0;
};

const json = valueCheck<object>(
  "a file's text, or what it holds",
  (value) => typeof value === "string" || (typeof value === "object" && value !== null),
);

/** Their ranges, and what belongs together, are looked at when the dataset is made. */
export const prepareChecks: OptionChecks<PrepareOptions> = {
  sources: required(
    valueCheck<readonly DatasetSource[]>(
      "a list of sources { name, files, weight }",
      (value) => Array.isArray(value) && Array.from(value).every(isSource),
    ),
  ),
  tokenizerJson: required(json),
  tokenizerConfig: json,
  endOfText: required(whole(0)),
  out: required(folderCheck),
  overwrite: flag,
  heldOutFraction: numberIn(0, 1),
  workers: whole(1),
  shardTokens: whole(1),
  onProgress: callback(),
  signal: abortSignal,
};
