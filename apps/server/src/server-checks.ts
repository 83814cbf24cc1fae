/** What the public functions must be given, for callers in plain JavaScript: no option is ever ignored. */
import { DynamoError } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  flag,
  folderCheck,
  hasMethods,
  listOf,
  members,
  numberAbove,
  numberIn,
  oneOf,
  pathCheck,
  plainObject,
  required,
  someText,
  text,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { BatchFileOptions } from "./batch/offline-options.js";
import type { InferenceSettings, ServedPlugin } from "./inference/messages.js";
import type { ApiKeys } from "./keys.js";
import type { DataOptions, ServeOptions, ServerModel, ServerOptions } from "./server-options.js";
import type { ServerParts } from "./server-parts.js";

/** Timers take no more milliseconds. */
const mostSeconds = Math.floor((2 ** 31 - 1) / 1000);
/** A busy machine may leave a process that lives without its turn for some tens of milliseconds. */
const leastHangSeconds = 0.5;

const seconds = numberAbove(0, mostSeconds);
/** Milliseconds that requests get to come to their end. */
export const patienceCheck = numberIn(0, 1000 * (mostSeconds - 1));
const texts = listOf(text, "a list of strings");

const pluginChecks: OptionChecks<ServedPlugin> = {
  name: required(someText),
  module: required(pathCheck),
  options: plainObject as never,
};

/** `dtype` and `threads` may be left out in plain JavaScript. */
type GivenSettings = Omit<InferenceSettings, "dtype" | "threads"> &
  Partial<Pick<InferenceSettings, "dtype" | "threads">>;

const settingsChecks: OptionChecks<GivenSettings> = {
  folder: required(folderCheck),
  device: required(oneOf("auto", "cpu", "cuda", "webgpu")),
  dtype: oneOf("fp32", "fp16", "q8", "q4", "int8"),
  threads: whole(1, 1024),
  slots: required(whole(1)),
  queue: required(whole(0)),
  dropMessages: flag,
  plugins: valueCheck("a list of strategies { name, module, options }", Array.isArray),
};

const modelChecks: OptionChecks<ServerModel> = {
  name: required(someText),
  settings: required(plainObject as never),
};

const dataChecks: OptionChecks<DataOptions> = {
  folder: required(folderCheck),
  databaseUrl: text,
  linesAtOnce: whole(0),
  fileBytes: whole(1),
};

const serverChecks: OptionChecks<ServerOptions> = {
  models: required(
    valueCheck(
      "a list of models { name, settings }, at least one",
      (value) => Array.isArray(value) && value.length > 0,
    ),
  ),
  keys: valueCheck<ApiKeys>("keys, as apiKeys() returns them", (value) => hasMethods(value, "nameOf")),
  trustProxy: text,
  perMinute: whole(1),
  atOnce: whole(1),
  requestSeconds: seconds,
  hangSeconds: numberIn(leastHangSeconds, mostSeconds),
  receiveSeconds: seconds,
  bodyBytes: whole(1),
  origins: texts,
  redisUrl: text,
  logPrompts: flag,
  data: members(dataChecks),
  site: folderCheck,
  otlp: text,
  logLevel: oneOf("fatal", "error", "warn", "info", "debug", "silent"),
};

const partsChecks: OptionChecks<ServerParts> = {
  inference: callback(),
  log: valueCheck("a log { write }", (value) => hasMethods(value, "write")),
};

const { keys: _keys, site: _site, ...shared } = serverChecks;

const serveChecks: OptionChecks<ServeOptions> = {
  ...shared,
  host: someText,
  port: whole(0, 65_535),
  keyFile: pathCheck,
  withoutKeys: flag,
  patience: patienceCheck,
  signal: required(abortSignal),
  onReady: callback(),
};

const batchFileChecks: OptionChecks<BatchFileOptions> = {
  input: required(pathCheck),
  output: required(pathCheck),
  model: required(plainObject as never),
  seconds: required(seconds),
  signal: required(abortSignal),
  onProgress: required(callback()),
  log: required(callback()),
};

/** Throws `invalid-argument` for what is no server. */
export function checkServer(options: ServerOptions, parts: ServerParts): void {
  checkOptions("createServer()", options, serverChecks);
  checkOptions("createServer()'s parts", parts, partsChecks);
  checkModels(options.models);
}

/** Throws `invalid-argument` for what is no server, or has no place to listen. */
export function checkServe(options: ServeOptions): void {
  checkOptions("serve()", options, serveChecks, {
    keys: "belongs to createServer(): serve() takes keyFile",
    site: "belongs to createServer(): serve() has the installed playground",
  });
  checkModels(options.models);
}

/** Throws `invalid-argument` for a file of requests without a place for its answers, or a model. */
export function checkBatchFile(options: BatchFileOptions): void {
  checkOptions("runBatchFile()", options, batchFileChecks);
  checkModels([options.model]);
}

/** A name that is there twice would hide a model. */
function checkModels(models: readonly ServerModel[]): void {
  const names = new Set<string>();
  // Of holes, too.
  for (const model of Array.from(models)) {
    checkOptions("a model to serve", model, modelChecks);
    checkSettings(model);
    if (names.has(model.name))
      throw new DynamoError("invalid-argument", `models: expected each name once, received ${model.name} twice`);
    names.add(model.name);
  }
}

function checkSettings({ name, settings }: ServerModel): void {
  checkOptions(`the settings of model ${name}`, settings, settingsChecks);
  for (const plugin of Array.from(settings.plugins ?? [])) checkOptions("a served strategy", plugin, pluginChecks);
}
