/** What is in a model folder or a checkpoint, without loading its weights. */
import { decodeMask } from "@dynamo/cooccurrence";
import { abortSignal, checkOptions, checkValue, members, type OptionChecks } from "@dynamo/core/options";
import { hubOptionChecks, type HubOptions } from "@dynamo/hub";
import { readOnnx, type OnnxSummary } from "@dynamo/onnx";
import { sourceCheck } from "../arguments.js";
import { aboutModule } from "../checkpoint/mtp/left-out.js";
import { openCheckpoint } from "../checkpoint/checkpoint.js";
import { parseConfig, type ModelConfig } from "../architectures/config.js";
import type { ModelFiles } from "@dynamo/core";
import { featuresOf, type Features } from "../architectures/features.js";
import { readJson } from "./files.js";
import { conditionalPath, dtypes, graphPath, limits, maskPath, tokenizerFiles } from "./model-folder.js";
import { parameterCount } from "../checkpoint/presets.js";
import { configMismatch } from "./made-for.js";
import { readAround } from "./read-around.js";
import { openSource } from "./source.js";
import type { ModelDType } from "../graph/precision.js";

/** What is in a model folder or a checkpoint. */
export interface ModelReport {
  readonly location: string;
  readonly kind: "model" | "checkpoint";
  readonly config: ModelConfig;
  /** The family and what is worth knowing of this model of it. */
  readonly architecture: Features;
  readonly parameters: { readonly base: number; readonly withTokenHeads: number };
  readonly untrainedHeads: readonly number[];
  readonly graphs: readonly GraphReport[];
  readonly mask: MaskReport | undefined;
  /** Where a model folder's conditional parts lie; a checkpoint has them among its weights. */
  readonly conditionalFile: FileReport | undefined;
  readonly tokenizerFiles: readonly FileReport[];
  /** What the folder asks for and does not get. */
  readonly warnings: readonly string[];
}

/** A file and its size. */
export interface FileReport {
  readonly path: string;
  readonly bytes: number;
}

/** What is known of one graph in a model folder. */
export interface GraphReport extends OnnxSummary {
  readonly path: string;
  readonly dtype: ModelDType;
  /** External data included. */
  readonly bytes: number;
}

/** What is known of a co-occurrence mask. */
export interface MaskReport {
  readonly order: number;
  readonly bytes: number;
  /** By order from 1: n-grams stored, and n-grams counted in all. */
  readonly stored: readonly number[];
  readonly totals: readonly number[];
}

/** Options of `inspectModel`. */
export interface InspectOptions {
  /** How a model of the hub is fetched; its checkpoint is what is inspected. */
  readonly hub?: HubOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

const inspectChecks: OptionChecks<InspectOptions> = { hub: members(hubOptionChecks), signal: abortSignal };

/** Throws as reading a checkpoint or a model does; a folder without onnx/ is read, and checked, as a checkpoint. */
export async function inspectModel(source: string | ModelFiles, options: InspectOptions = {}): Promise<ModelReport> {
  checkValue("source", source, sourceCheck);
  checkOptions("inspectModel()", options, inspectChecks);
  const files = await openSource(source, { as: "either", ...options });
  try {
    const config = parseConfig(await readJson(files, "config.json", limits.json));
    const graphs: GraphReport[] = [];
    for (const dtype of dtypes) {
      const graph = await inspectGraph(files, dtype);
      if (graph !== undefined) graphs.push(graph);
    }
    const checkpoint = graphs.length === 0 ? await openCheckpoint(files) : undefined;
    const kind = checkpoint === undefined ? "model" : "checkpoint";
    const [conditionalFile] = await sizes(files, [conditionalPath]);
    return {
      location: files.location,
      kind,
      config,
      architecture: featuresOf(config),
      parameters: { base: parameterCount(config, 1), withTokenHeads: parameterCount(config, config.tokenHeads) },
      untrainedHeads: config.untrainedHeads,
      graphs,
      mask: await inspectMask(files),
      conditionalFile,
      tokenizerFiles: await sizes(files, tokenizerFiles),
      warnings: [
        ...(await readAround(files, config)).warnings,
        ...(checkpoint === undefined ? [] : await aboutModule(files, config)),
        ...(kind === "model" ? withoutParts(config, conditionalFile) : []),
        ...graphs.flatMap(({ path, metadata }) => {
          const mismatch = configMismatch(config, metadata);
          return mismatch === undefined ? [] : [`${path} ${mismatch}`];
        }),
      ],
    };
  } finally {
    if (typeof source === "string") await files.close?.();
  }
}

async function inspectGraph(files: ModelFiles, dtype: ModelDType): Promise<GraphReport | undefined> {
  const path = graphPath(dtype);
  const bytes = await files.size(path);
  if (bytes === undefined) return undefined;
  const summary = await readOnnx(
    (offset, length) => files.readRange(path, offset, Math.min(length, bytes - offset)),
    bytes,
  );
  return { path, dtype, bytes: bytes + ((await files.size(`${path}_data`)) ?? 0), ...summary };
}

async function inspectMask(files: ModelFiles): Promise<MaskReport | undefined> {
  const bytes = await files.size(maskPath);
  if (bytes === undefined) return undefined;
  const mask = decodeMask(await files.read(maskPath, limits.mask));
  const orders = Array.from({ length: mask.order }, (_, i) => i + 1);
  return {
    order: mask.order,
    bytes,
    stored: orders.map((n) => mask.stored(n)),
    totals: orders.map((n) => mask.total(n)),
  };
}

function withoutParts({ conditional, tokenHeads }: ModelConfig, file: FileReport | undefined): string[] {
  if (conditional === undefined || tokenHeads === 1 || file !== undefined) return [];
  return [`config.json has conditional parts: expected ${conditionalPath}, found none; the model does not open`];
}

async function sizes(files: ModelFiles, paths: readonly string[]): Promise<FileReport[]> {
  const found: FileReport[] = [];
  for (const path of paths) {
    const bytes = await files.size(path);
    if (bytes !== undefined) found.push({ path, bytes });
  }
  return found;
}
