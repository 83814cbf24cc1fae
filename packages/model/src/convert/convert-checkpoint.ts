/** Checkpoint → model folder: streamed, atomic, cancellable. Node only. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { DynamoError, type ModelFiles } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  flag,
  listOf,
  members,
  oneOf,
  someText,
  type OptionChecks,
} from "@dynamo/core/options";
import { maxInlineBytes, weightBytes } from "@dynamo/onnx";
import { hubOptionChecks, type HubOptions } from "@dynamo/hub";
import { folderCheck, seedCheck, sourceCheck, tokenHeadsCheck } from "../arguments.js";
import { writeCard, type BaseModel } from "./card.js";
import { writeFolderAtomically } from "./atomic-folder.js";
import { openCheckpoint, type Checkpoint } from "../checkpoint/checkpoint.js";
import { withMedusaHeads, type WithHeads } from "../checkpoint/medusa/with-medusa-heads.js";
import { aboutModule } from "../checkpoint/mtp/left-out.js";
import { withMtpHeads } from "../checkpoint/mtp/with-mtp-heads.js";
import { configJson } from "../checkpoint/config-json.js";
import type { ModelConfig } from "../architectures/config.js";
import { writeGraph } from "./graph-file.js";
import { buildGraph } from "../graph/graph.js";
import { initialTensor } from "../checkpoint/initial-weights.js";
import type { ReadTensor } from "../graph/product-weights.js";
import { dtypeCheck, graphPath, limits, tokenizerFiles } from "../folder/model-folder.js";
import { parameterCount } from "../checkpoint/presets.js";
import { readAround } from "../folder/read-around.js";
import { headShapes, isHeadEmbedding, outputEmbedding } from "../architectures/tensor-names.js";
import { openSource, type SourceOptions } from "../folder/source.js";
import type { ModelDType, Precision } from "../graph/weights.js";

/** Options of `convertCheckpoint`. */
export interface ConvertOptions {
  /** N, 1 to 4; default: the checkpoint's own. Missing heads are initialised from `seed`, surplus ones left out. */
  readonly tokenHeads?: number | undefined;
  /** A folder of Medusa heads for the checkpoint, which must have no token heads of its own: they become heads 2 and up. */
  readonly medusa?: string | ModelFiles | undefined;
  /** Take the multi-token-prediction module along that lies in the checkpoint: it makes heads 2 and up. Default false. */
  readonly mtp?: boolean | undefined;
  readonly dtypes?: readonly ModelDType[];
  /** How quantised products are computed: int8 is quickest on a CPU, fp32 agrees on every device to about 1e-6. */
  readonly activations?: Precision["activations"] | undefined;
  readonly seed?: number | undefined;
  readonly overwrite?: boolean;
  /** For the folder's card; what is left out comes from the checkpoint's own card. */
  readonly base?: BaseModel | undefined;
  /** How a checkpoint of the hub is fetched. */
  readonly hub?: HubOptions | undefined;
  /** Bytes of weights written, of all dtypes together. */
  readonly onProgress?: (done: number, total: number, what: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const convertChecks: OptionChecks<ConvertOptions> = {
  tokenHeads: tokenHeadsCheck,
  medusa: sourceCheck,
  mtp: flag,
  dtypes: listOf(dtypeCheck, `a list of dtypes, each ${dtypeCheck.expected}`),
  activations: oneOf("int8", "fp32"),
  seed: seedCheck,
  overwrite: flag,
  base: members<BaseModel>({ id: someText, revision: someText, license: someText }),
  hub: members(hubOptionChecks),
  onProgress: callback(),
  signal: abortSignal,
};

/** What a conversion made. */
export interface ConversionReport {
  readonly folder: string;
  readonly tokenHeads: number;
  /** Heads that are only initialised: the model decodes with them, but they know nothing yet. */
  readonly untrainedHeads: readonly number[];
  readonly parameters: number;
  readonly baseParameters: number;
  readonly files: readonly { readonly path: string; readonly dtype: ModelDType; readonly bytes: number }[];
  /** As the loaded model will have them, and what of Medusa heads was left out. */
  readonly warnings: readonly string[];
}

/**
 * Writes the model folder `target` from a GPT-NeoX or DynaMo checkpoint folder. Memory: the largest (fused) tensor, a few
 * times over. Nothing is left at `target` when it fails or is stopped.
 */
export async function convertCheckpoint(
  source: string | ModelFiles,
  target: string,
  options: ConvertOptions = {},
): Promise<ConversionReport> {
  checkValue("source", source, sourceCheck);
  checkValue("target", target, folderCheck);
  checkOptions("convertCheckpoint()", options, convertChecks);
  const { dtypes = ["fp32"], activations = "int8", seed = 0, overwrite = false, signal } = options;
  if (dtypes.length === 0) throw new DynamoError("invalid-argument", "name at least one dtype: fp32, fp16, q8, q4");
  const sourceOptions: SourceOptions = { as: "checkpoint", hub: options.hub, signal };
  const { checkpoint, warnings: aboutHeads } = await openWithHeads(source, options, sourceOptions);
  try {
    refuseOwnSource(checkpoint, target);
    const config = withHeads(checkpoint, options.tokenHeads);
    // They are only copied, but a model folder that cannot be loaded is worth no conversion.
    const { warnings } = await readAround(checkpoint.files, config);
    const read = readerOf(checkpoint, config, seed);
    const models = [...new Set(dtypes)].map((dtype) => ({
      dtype,
      model: buildGraph(config, { dtype, activations }, read, metadataOf(config, dtype, activations)),
    }));
    const total = models.reduce((sum, { model }) => sum + weightBytes(model.graph), 0);
    const written: ConversionReport["files"][number][] = [];
    await writeFolderAtomically(
      target,
      async (folder) => {
        let done = 0;
        await copyTexts(checkpoint, config, folder);
        await writeCard(checkpoint.files, folder, { base: options.base, dtypes: models.map((each) => each.dtype) });
        for (const { dtype, model } of models) {
          const onProgress = (bytes: number): void => options.onProgress?.(done + bytes, total, graphPath(dtype));
          const bytes = weightBytes(model.graph);
          await writeGraph(model, join(folder, graphPath(dtype)), {
            external: bytes > maxInlineBytes,
            onProgress,
            signal,
          });
          done += bytes;
          written.push({ path: graphPath(dtype), dtype, bytes });
        }
      },
      { overwrite },
    );
    return {
      folder: target,
      tokenHeads: config.tokenHeads,
      untrainedHeads: config.untrainedHeads,
      parameters: parameterCount(config, config.tokenHeads),
      baseParameters: parameterCount(config, 1),
      files: written,
      warnings: [...warnings, ...aboutHeads],
    };
  } finally {
    await checkpoint.close();
  }
}

/** The checkpoint with the heads that other projects have trained for it. */
async function openWithHeads(
  source: string | ModelFiles,
  { medusa, mtp = false }: Pick<ConvertOptions, "medusa" | "mtp">,
  options: SourceOptions,
): Promise<WithHeads> {
  if (medusa !== undefined && mtp)
    throw new DynamoError("invalid-argument", "expected medusa or mtp, received both: a model has heads of one kind");
  const checkpoint = await openCheckpoint(await openSource(source, options));
  try {
    if (medusa !== undefined)
      return await withMedusaHeads(checkpoint, await openSource(medusa, { ...options, as: "medusa" }));
    if (mtp) return { checkpoint: await withMtpHeads(checkpoint), warnings: [] };
    return { checkpoint, warnings: await aboutModule(checkpoint.files, checkpoint.config) };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** Overwriting a folder that holds the checkpoint would delete what is being read. */
function refuseOwnSource({ files }: Checkpoint, target: string): void {
  const config = files.localPath?.("config.json");
  if (!config?.startsWith(join(resolve(target), sep))) return;
  throw new DynamoError(
    "invalid-argument",
    `${target} holds the checkpoint ${files.location}: choose another folder for the model`,
  );
}

/** The config with N heads, and which of them no checkpoint has ever trained. */
function withHeads({ config, trainedHeads }: Checkpoint, tokenHeads = config.tokenHeads): ModelConfig {
  const extra = Array.from({ length: tokenHeads - 1 }, (_, i) => i + 2);
  const untrainedHeads = extra.filter((head) => !trainedHeads.includes(head) || config.untrainedHeads.includes(head));
  return { ...config, tokenHeads, untrainedHeads };
}

/** Reads the checkpoint, or makes the tensors of heads that it does not have. */
function readerOf(checkpoint: Checkpoint, config: ModelConfig, seed: number): ReadTensor {
  const heads = new Map(config.untrainedHeads.flatMap((head) => [...headShapes(config, head)]));
  return (name) => {
    const shape = checkpoint.has(name) ? undefined : heads.get(name);
    if (shape !== undefined && isHeadEmbedding(name)) return checkpoint.read(outputEmbedding(config, 1));
    return shape === undefined ? checkpoint.read(name) : Promise.resolve(initialTensor(name, shape, seed));
  };
}

function metadataOf(config: ModelConfig, dtype: ModelDType, activations: string): Record<string, string> {
  return {
    "dynamo.token_heads": String(config.tokenHeads),
    ...(config.headKind === "decoder" ? {} : { "dynamo.head_kind": config.headKind }),
    "dynamo.untrained_heads": config.untrainedHeads.join(","),
    "dynamo.dtype": dtype,
    ...(dtype === "q4" || dtype === "q8" ? { "dynamo.activations": activations } : {}),
  };
}

async function copyTexts(checkpoint: Checkpoint, config: ModelConfig, folder: string): Promise<void> {
  await writeFile(join(folder, "config.json"), `${JSON.stringify(configJson(config), undefined, 2)}\n`);
  for (const name of [...tokenizerFiles, "generation_config.json"]) {
    if ((await checkpoint.files.size(name)) === undefined) continue;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), await checkpoint.files.read(name, limits.tokenizer));
  }
}
