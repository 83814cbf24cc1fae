/** Loads a model folder onto a runtime. */
import {
  checkGraphMemory,
  DynamoError,
  throwIfAborted,
  type CacheTensor,
  type Cooccurrence,
  type DeviceChoice,
  type GraphSource,
  type LanguageModel,
  type ModelFiles,
  type Runtime,
  type Session,
  type Tokenizer,
} from "@dynamo/core";
import { abortSignal, checkOptions, checkValue, members, type OptionChecks } from "@dynamo/core/options";
import { decodeMask } from "@dynamo/cooccurrence";
import { hubOptionChecks, type HubOptions } from "@dynamo/hub";
import type { LoadedTokenizer } from "@dynamo/tokenizer";
import { runtimeCheck, sourceCheck } from "../arguments.js";
import { architectureOf, parseConfig, type ModelConfig } from "../architectures/config.js";
import { naming, readJson } from "./files.js";
import { cacheTensors, delta, isConditional, positionsAxis, rollback } from "../graph/cache-tensors.js";
import { longContextName, shortLength } from "../graph/long-context.js";
import type { ConditionalParts } from "../conditional/conditional-parts.js";
import { conditionalPath, dtypeCheck, dtypes, graphPath, limits, maskPath, preferredDTypes } from "./model-folder.js";
import { endOfTextIdsOf, readAround } from "./read-around.js";
import { sessionModel } from "../graph/session-model.js";
import { openSource } from "./source.js";
import { activationType, type ModelDType } from "../graph/precision.js";

/** Options of `loadModel`. */
export interface LoadOptions {
  /** Which of the folder's graphs to run; by default the one that suits the device. */
  readonly dtype?: ModelDType | undefined;
  /** How a model of the hub is fetched and kept. */
  readonly hub?: HubOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

const loadChecks: OptionChecks<LoadOptions> = {
  dtype: dtypeCheck,
  hub: members(hubOptionChecks),
  signal: abortSignal,
};

/** A model from a folder, with what its files say. */
export interface LoadedModel extends LanguageModel {
  /** The tokenizer with its chat template and special tokens; undefined for a folder without tokenizer.json. */
  readonly chatTokenizer: LoadedTokenizer | undefined;
  readonly config: ModelConfig;
  readonly dtype: ModelDType;
  readonly device: DeviceChoice;
  /** What the folder asks for and does not get, a sentence each: keys of its files that nothing here honours, untrained heads. */
  readonly warnings: readonly string[];
}

/**
 * Loads a model folder: a path in Node, a model of the hub (`hf:owner/name`, `hf:owner/name@revision`), which is downloaded and
 * converted once and kept, an http(s) address, or any `ModelFiles`. A checkpoint that is on no disk is converted in memory. The caller disposes the model; the runtime stays its own.
 * Throws `not-found` for missing files, `invalid-file` for damaged or disagreeing ones, `unsupported` for a dtype that
 * the folder does not have, `out-of-memory` for a graph that the device has no room for.
 */
export async function loadModel(
  runtime: Runtime,
  source: string | ModelFiles,
  options: LoadOptions = {},
): Promise<LoadedModel> {
  checkValue("runtime", runtime, runtimeCheck);
  checkValue("source", source, sourceCheck);
  checkOptions("loadModel()", options, loadChecks);
  const files = await openSource(source, { as: "model", ...options, device: () => runtime.device() });
  try {
    return await load(runtime, files, options);
  } finally {
    if (typeof source === "string") await files.close?.();
  }
}

async function load(runtime: Runtime, given: ModelFiles, { dtype: wanted, signal }: LoadOptions): Promise<LoadedModel> {
  const config = parseConfig(await readJson(given, "config.json", limits.json));
  const { tokenizer, generation, warnings } = await readAround(given, config);
  const cooccurrence = await readMask(given, config);
  throwIfAborted(signal);
  const device = await runtime.device();
  const files = await withGraph(given, wanted, { device, signal });
  const dtype = await chooseDType(files, wanted, device);
  const conditional = await readConditional(files, config);
  const graph = await graphSource(files, graphPath(dtype), device);
  // Before the session, which may take the graph's bytes; imported here, so that a page does not carry what reads graphs.
  const { graphMismatch } = await import("./graph-mismatch.js");
  const mismatch = await graphMismatch(files, graph, { path: graphPath(dtype), config });
  // Without logits the provider would copy them to the host each pass, asked for or not.
  const deviceOutputs = [delta, "logits"];
  const session = await naming(graphPath(dtype), () => runtime.createSession(graph, { deviceOutputs })).catch(
    (error: unknown) => {
      throw lacksWeights(graph, error) ? weightsMissing(files, graphPath(dtype), error) : error;
    },
  );
  try {
    throwIfAborted(signal);
    checkSession(session, config, graphPath(dtype));
    if (mismatch !== undefined) throw new DynamoError("invalid-file", `${graphPath(dtype)} ${mismatch}`);
  } catch (error) {
    await session.dispose();
    throw error;
  }
  const type = activationType({ dtype, activations: "fp32" });
  const tensors = cacheOf(session, config);
  const model = sessionModel({
    session,
    room: Math.min(...tensors.map(({ room = Infinity }) => room)),
    tokenizer: tokenizer ?? absentTokenizer(files.location, config.vocabularySize),
    cooccurrence,
    info: {
      vocabularySize: config.vocabularySize,
      tokenHeads: config.tokenHeads,
      untrainedHeads: config.untrainedHeads,
      conditionalHeads: isConditional(config),
      contextLength: config.contextLength,
      ...(tensors.some(({ room }) => room !== undefined) ? { rollback } : {}),
      endOfTextIds: endOfTextIdsOf(config, generation),
      beginOfTextId: config.beginOfTextId,
      generation: generation.defaults,
    },
    shortLength: shortLength(architectureOf(config)),
    conditional,
    createMemory: (rows, maxLength) => session.createCache({ tensors, delta, dtype: type, rows, maxLength }),
  });
  return { ...model, chatTokenizer: tokenizer, config, dtype, device, warnings: [...warnings, ...untrained(config)] };
}

const untrained = ({ untrainedHeads }: ModelConfig): string[] =>
  untrainedHeads.length === 0
    ? []
    : [`token heads ${untrainedHeads.join(", ")} of this model are untrained: expect nonsense from them`];

/** A checkpoint at a web address, or picked in a browser, is converted in memory; one on a disk is worth a folder that stays. */
async function withGraph(
  files: ModelFiles,
  wanted: ModelDType | undefined,
  { device, signal }: { readonly device: DeviceChoice; readonly signal: AbortSignal | undefined },
): Promise<ModelFiles> {
  if (files.localPath !== undefined || !(await isCheckpoint(files))) return files;
  const [{ prepareAside }, { inMemory, withFiles }] = await Promise.all([
    import("../hub/prepare-in-worker.js"),
    import("../hub/made-files.js"),
  ]);
  const dtype = wanted ?? preferredDTypes(device)[0] ?? "q8";
  const made = await prepareAside(files, { dtype, device }, { onProgress: undefined, signal });
  return withFiles(files, new Map([...made].map(([path, bytes]) => [path, inMemory(bytes)])));
}

async function isCheckpoint(files: ModelFiles): Promise<boolean> {
  for (const dtype of dtypes) if ((await files.size(graphPath(dtype))) !== undefined) return false;
  for (const path of ["model.safetensors", "model.safetensors.index.json"])
    if ((await files.size(path)) !== undefined) return true;
  return false;
}

function absentTokenizer(location: string, vocabularySize: number): Tokenizer {
  const fail = (): never => {
    throw new DynamoError("not-found", `${location} has no tokenizer.json: give token ids instead of text`);
  };
  // Token ids can be generated without text: a stream of no text, not an error.
  return { vocabularySize, encode: fail, decode: fail, stream: () => ({ push: () => "", flush: () => "" }) };
}

async function readMask(files: ModelFiles, { vocabularySize }: ModelConfig): Promise<Cooccurrence | undefined> {
  if ((await files.size(maskPath)) === undefined) return undefined;
  const mask = await naming(maskPath, async () => decodeMask(await files.read(maskPath, limits.mask)));
  if (mask.vocabularySize !== vocabularySize) {
    throw new DynamoError(
      "invalid-file",
      `${maskPath} counts a vocabulary of ${mask.vocabularySize} tokens, the model has ${vocabularySize}`,
    );
  }
  return mask;
}

/** Imported when a model has conditional parts: a page does not carry them otherwise. */
async function readConditional(files: ModelFiles, config: ModelConfig): Promise<ConditionalParts | undefined> {
  const { conditional, tokenHeads, vocabularySize } = config;
  if (conditional === undefined || tokenHeads === 1) return undefined;
  const [{ decodeConditional }, { conditionalParts }] = await Promise.all([
    import("../conditional/conditional-file.js"),
    import("../conditional/conditional-parts.js"),
  ]);
  return naming(conditionalPath, async () => {
    const matrices = decodeConditional(await files.read(conditionalPath, limits.conditional), config);
    return conditionalParts(matrices, conditional, vocabularySize);
  });
}

async function chooseDType(
  files: ModelFiles,
  wanted: ModelDType | undefined,
  device: DeviceChoice,
): Promise<ModelDType> {
  const present: ModelDType[] = [];
  for (const dtype of dtypes) if ((await files.size(graphPath(dtype))) !== undefined) present.push(dtype);
  const chosen = wanted ?? preferredDTypes(device).find((dtype) => present.includes(dtype));
  if (chosen !== undefined && present.includes(chosen)) return chosen;
  // fp16 alone is there, and the device cannot run it.
  const noneRuns = present.length === 0 ? "" : `; ${device.device} here has no float16: expected q8, q4 or fp32`;
  const has =
    present.length === 0
      ? "no graph in onnx/: is this a checkpoint that `dynamo convert` has not converted?"
      : present.join(", ");
  throw new DynamoError(
    "unsupported",
    `${files.location} has ${has}${wanted === undefined ? noneRuns : `; expected ${wanted}`}`,
  );
}

async function graphSource(files: ModelFiles, path: string, device: DeviceChoice): Promise<GraphSource> {
  const size = await files.size(path);
  if (size === 0) {
    throw new DynamoError("invalid-file", `${files.location}: ${path} is empty, expected a graph`);
  }
  if (files.localPath !== undefined) return { path: files.localPath(path) };
  const external = weightsPath(path);
  const externalSize = await files.size(external);
  // Before gigabytes are downloaded for nothing.
  await naming(path, () => checkGraphMemory({ graph: size ?? 0, externalData: externalSize ?? 0 }, device));
  const bytes = await files.read(path, limits.graph);
  if (externalSize === undefined) return { bytes };
  const data = await files.read(external, Number.MAX_SAFE_INTEGER);
  return { bytes, externalData: [{ path: external.slice(external.lastIndexOf("/") + 1), data }] };
}

/** Of a graph that is too large for one file. */
const weightsPath = (graph: string): string => `${graph}_data`;

/** ONNX Runtime's own words name a place of its own, where it looked for them. */
const lacksWeights = (graph: GraphSource, error: unknown): boolean =>
  "bytes" in graph && graph.externalData === undefined && DynamoError.is(error) && /external data/i.test(error.message);

const weightsMissing = ({ location }: ModelFiles, graph: string, cause: unknown): DynamoError =>
  new DynamoError(
    "invalid-file",
    `${location}: ${graph} has its weights in a file of their own: expected ${weightsPath(graph)}, received none`,
    { cause },
  );

/** The cache's tensors. A graph that was made before there were rings reads all positions of each. */
const cacheOf = (session: Session, config: ModelConfig): CacheTensor[] =>
  cacheTensors(config).map((tensor) => {
    const { room, ...whole } = tensor;
    const dims = session.inputs.find(({ name }) => name === tensor.name)?.dims ?? [];
    return room === undefined || dims.includes(positionsAxis(tensor)) ? tensor : whole;
  });

/** The graph must be one of ours and of this config: a folder whose files were mixed up fails here, not in a pass. */
function checkSession(session: Session, config: ModelConfig, path: string): void {
  const expected = cacheTensors(config);
  for (const { name, heads, headSize, kind } of expected) {
    const dims = session.inputs.find((input) => input.name === name)?.dims;
    const want = [heads, kind === "key" ? headSize : "C", kind === "key" ? "C" : headSize];
    if (dims?.[1] !== heads || dims[kind === "key" ? 2 : 3] !== headSize) {
      throw new DynamoError(
        "invalid-file",
        `${path}: config.json asks for input ${name} of [B, ${want.join(", ")}], the graph has ${dims?.join(", ") ?? "none"}`,
      );
    }
  }
  const isLongAsked = session.inputs.some(({ name }) => name === longContextName);
  if (isLongAsked !== (shortLength(architectureOf(config)) !== undefined))
    throw new DynamoError(
      "invalid-file",
      `${path}: config.json and the graph disagree on LongRoPE: convert the checkpoint again`,
    );
  const vocabulary = session.outputs.find(({ name }) => name === "logits")?.dims.at(-1);
  if (vocabulary !== config.vocabularySize) {
    throw new DynamoError(
      "invalid-file",
      `${path}: config.json has a vocabulary of ${config.vocabularySize}, the graph ${vocabulary ?? "no logits"}`,
    );
  }
}
