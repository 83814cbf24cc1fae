/** An open checkpoint → model folder: streamed, atomic, cancellable. Node only. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { DynamoError } from "@dynamo/core";
import { weightBytes } from "@dynamo/onnx";
import type { ModelConfig } from "../architectures/config.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { configJson } from "../checkpoint/config-json.js";
import { conversionOf, type ConversionSettings } from "../checkpoint/conversion.js";
import type { WithHeads } from "../checkpoint/medusa/with-medusa-heads.js";
import { parameterCount } from "../checkpoint/presets.js";
import { conditionalPath, graphPath, limits, tokenizerFiles } from "../folder/model-folder.js";
import { readAround } from "../folder/read-around.js";
import type { ModelDType } from "../graph/weights.js";
import { writeFolderAtomically } from "./atomic-folder.js";
import { writeCard, type BaseModel } from "./card.js";
import { writeGraph } from "./graph-file.js";

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

export interface WriteSettings extends ConversionSettings {
  readonly overwrite: boolean;
  readonly base: BaseModel | undefined;
  readonly onProgress: ((done: number, total: number, what: string) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Bytes of weights from which they lie in a file of their own beside the graph's: ONNX Runtime maps it, while it reads, parses and copies
 * what is in the graph's. That is half the time to load, and a copy less in memory.
 */
const mappedBytes = 2 ** 24;

/** Nothing is left at `target` when it fails or is stopped. The caller closes the checkpoint. */
export async function writeModelFolder(
  { checkpoint, warnings: aboutHeads }: WithHeads,
  target: string,
  settings: WriteSettings,
): Promise<ConversionReport> {
  refuseOwnSource(checkpoint, target);
  const { config, models, conditional } = conversionOf(checkpoint, settings);
  // They are only copied, but a model folder that cannot be loaded is worth no conversion.
  const { warnings } = await readAround(checkpoint.files, config);
  const total = models.reduce((sum, { model }) => sum + weightBytes(model.graph), 0);
  const written: ConversionReport["files"][number][] = [];
  await writeFolderAtomically(
    target,
    async (folder) => {
      let done = 0;
      await copyTexts(checkpoint, config, folder);
      await writeCard(checkpoint.files, folder, { base: settings.base, dtypes: models.map((each) => each.dtype) });
      if (conditional !== undefined) await writeFile(join(folder, conditionalPath), await conditional());
      for (const { dtype, model } of models) {
        const onProgress = (bytes: number): void => settings.onProgress?.(done + bytes, total, graphPath(dtype));
        const bytes = weightBytes(model.graph);
        await writeGraph(model, join(folder, graphPath(dtype)), {
          external: bytes > mappedBytes,
          onProgress,
          signal: settings.signal,
        });
        done += bytes;
        written.push({ path: graphPath(dtype), dtype, bytes });
      }
    },
    { overwrite: settings.overwrite },
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

async function copyTexts(checkpoint: Checkpoint, config: ModelConfig, folder: string): Promise<void> {
  await writeFile(join(folder, "config.json"), `${JSON.stringify(configJson(config), undefined, 2)}\n`);
  for (const name of [...tokenizerFiles, "generation_config.json"]) {
    if ((await checkpoint.files.size(name)) === undefined) continue;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), await checkpoint.files.read(name, limits.tokenizer));
  }
}
