/**
 * A run for other machines: its configuration, data and starting checkpoint in a folder with a PyTorch script that trains it
 * under torchrun. What comes back are checkpoints that `dynamo convert` takes.
 */
import { existsSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DynamoError } from "@dynamo/core";
import { abortSignal, callback, checkOptions, checkValue, whole, type OptionChecks } from "@dynamo/core/options";
import { configJson } from "@dynamo/model";
import { writeFolderAtomically } from "@dynamo/model/convert";
import { folderCheck } from "../arguments.js";
import { openDataset, verifyDataset, type Dataset } from "../data/index.js";
import { checkTokenizer } from "../run/start/fit.js";
import { openStart } from "../run/start/starting-point.js";
import { checkConfig, type TrainingConfig } from "../run/start/training-config.js";
import { writeInitialCheckpoint } from "./initial-checkpoint.js";
import { linkDataset } from "./linked-dataset.js";
import { checkModel, torchRunFile } from "./supported.js";

/** Options of the export to PyTorch. */
export interface ExportTorchOptions {
  /** Files of weights are of about this size at most; default: 5 GB. */
  readonly shardBytes?: number;
  readonly onProgress?: (done: number, total: number) => void;
  /** Told, in bytes, how far the data has been held against its hashes. */
  readonly onData?: ((done: number, total: number) => void) | undefined;
  /** Fires to stop: nothing is left. */
  readonly signal?: AbortSignal | undefined;
}

const checks: OptionChecks<ExportTorchOptions> = {
  shardBytes: whole(1),
  onProgress: callback(),
  onData: callback(),
  signal: abortSignal,
};

/** What the export to PyTorch made. */
export interface TorchExport {
  readonly folder: string;
  readonly parameters: number;
  /** Rows of one optimizer step: the number of processes must divide it. */
  readonly rowsPerStep: number;
  /** Of the whole run. */
  readonly tokens: number;
  /** Runs it in the folder. */
  readonly command: string;
}

const script = "train.py";

/**
 * Writes the new folder `folder`, whole or not at all. Throws `invalid-argument` when it exists, when the data does not fit the
 * model or is smaller than a batch, `invalid-file` for data that is not what its manifest says, and `unsupported` for what the
 * script cannot do.
 */
export async function exportTorch(
  config: TrainingConfig,
  folder: string,
  options: ExportTorchOptions = {},
): Promise<TorchExport> {
  checkConfig(config);
  checkValue("folder", folder, folderCheck);
  checkOptions("exportTorch()", options, checks);
  const { shardBytes = 5e9, onProgress, onData, signal } = options;
  const run = torchRunFile(config);
  const dataset = await openDataset(config.dataset);
  try {
    await checkEnough(dataset, config);
    const start = await openStart(config);
    try {
      checkModel(config, configJson(start.config));
      await checkTokenizer(dataset, start.config, start.textsFrom);
      let parameters = 0;
      await writeFolderAtomically(folder, async (place) => {
        await copyFile(scriptPath(), join(place, script));
        await writeFile(join(place, "run.json"), `${JSON.stringify(run, undefined, 2)}\n`);
        await writeFile(join(place, "README.md"), readme);
        await linkDataset(dataset, join(place, "data"));
        await verifyDataset({ ...dataset, folder: join(place, "data") }, { signal, onProgress: onData });
        const options = { shardBytes, onProgress, signal };
        parameters = await writeInitialCheckpoint(join(place, "checkpoint"), start, options);
      });
      return reportOf(config, folder, parameters);
    } finally {
      await start.close();
    }
  } finally {
    await dataset.close();
  }
}

function reportOf(config: TrainingConfig, folder: string, parameters: number): TorchExport {
  const rowsPerStep = config.batch * config.microBatches;
  const tokens = config.steps * rowsPerStep * config.sequence;
  const processes = [8, 4, 2].find((count) => rowsPerStep % count === 0) ?? 1;
  const precision = config.precision === "float16" ? "fp16" : "bf16";
  const command = `torchrun --standalone --nproc_per_node ${processes} ${join(folder, script)} --precision ${precision}`;
  return { folder, parameters, rowsPerStep, tokens, command };
}

/** Both splits have a batch: a run that fails at its first evaluation would have cost GPU hours. */
async function checkEnough(dataset: Dataset, { batch, sequence, tokenHeads, seed }: TrainingConfig): Promise<void> {
  for (const split of ["train", "held-out"] as const)
    await dataset.batches({ split, batchSize: batch, sequenceLength: sequence + tokenHeads, seed }).close();
}

/** Sources and what is built from them lie at different depths. */
function scriptPath(): string {
  const places = [`../torch/${script}`, `../../torch/${script}`];
  const found = places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new DynamoError("not-found", `@dynamo/train is incomplete: expected its ${script}; install it again`);
}

const readme = `# A DynaMo training run

Written by \`dynamo train --export-torch\`. It needs PyTorch 2.6 or later; families other than
GPT-NeoX also need the package transformers, 5.0 or later.

- \`run.json\`: the configuration. \`data/\`: token shards. \`checkpoint/\`: where the run begins, in Hugging Face form.
- \`train.py\`: trains it. On one machine with 8 GPUs:

      torchrun --standalone --nproc_per_node 8 train.py --precision bf16

  \`--activation-checkpointing\` and a smaller \`--rows\` save memory, \`--resume\` goes on from the newest checkpoint; all
  options: \`python train.py --help\`.
- \`result/checkpoints/step-…\`: what comes back. \`dynamo convert result/checkpoints/step-… --out my-model\` takes it.
`;
