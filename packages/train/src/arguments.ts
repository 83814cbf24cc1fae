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
  pathCheck,
  required,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { DatasetSource, PrepareOptions } from "./data/prepare-options.js";
import { maxShardTokens } from "./data/manifest.js";

export { folderCheck, pathCheck };

/** Beyond this the reading thread cannot keep workers busy. */
const maxWorkers = 64;

export const filesCheck = listOf(pathCheck, "a list of files' paths");

export const runtimeCheck = valueCheck<Runtime>("a runtime, as createNodeRuntime() makes it", (value) =>
  hasMethods(value, "createSession", "device"),
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

/** What belongs together is looked at when the dataset is made. */
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
  heldOutFraction: valueCheck<number>(
    "a number from 0 to below 1",
    (value) => typeof value === "number" && value >= 0 && value < 1,
  ),
  workers: whole(1, maxWorkers),
  shardTokens: whole(1, maxShardTokens),
  onProgress: callback(),
  signal: abortSignal,
};
