/** `dynamo train --export-torch`: a run for other machines. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import { exportTorch, type TorchExport } from "@dynamo/train/node";
import { paintError } from "../paint.js";
import { startProgress } from "../progress.js";
import { placesOf, trainingConfigOf, withCheckpoint } from "../training-config.js";
import type { TrainOptions } from "../schemas/training.js";
import { datasetOf } from "./train.js";

/** `out`: a run whose dataset is taken, or where `text` becomes one; neither is kept without it. */
export type ExportOptions = TrainOptions & { readonly exportTorch: string };

export async function exportTraining(
  file: string | undefined,
  given: ExportOptions,
  signal: AbortSignal,
): Promise<void> {
  const options = await withCheckpoint(file, given, signal);
  const { exportTorch: folder, out, resume, json } = options;
  if (resume) {
    const instead = "give the run's newest checkpoint as --checkpoint: the optimizer begins anew";
    throw new DynamoError("invalid-argument", `--export-torch begins a run, it cannot --resume one: ${instead}`);
  }
  // Said before any text is tokenized.
  if (existsSync(folder)) throw new DynamoError("invalid-argument", `${folder} exists already: choose another folder`);
  if (out !== undefined || options.text === undefined) return write(out);
  await mkdir(dirname(resolve(folder)), { recursive: true });
  // Beside the folder, so that its shards can be linked into it.
  const temporary = await mkdtemp(join(dirname(resolve(folder)), ".dynamo-text-"));
  try {
    await write(temporary);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }

  async function write(run: string | undefined): Promise<void> {
    const dataset =
      run === undefined
        ? undefined
        : await datasetOf({ ...options, ...(await placesOf(file, options)), out: run }, signal);
    const config = await trainingConfigOf(file, options, { run: run ?? folder, resume: false, dataset });
    const progress = startProgress();
    try {
      const onProgress = (done: number, total: number): void => progress.update(done, total, "checkpoint");
      const onData = (done: number, total: number): void => {
        progress.update(done, total, "checking the data");
        if (done >= total) progress.stop();
      };
      report(await exportTorch(config, folder, { onProgress, onData, signal }), json);
    } finally {
      progress.stop();
    }
  }
}

function report(exported: TorchExport, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(exported));
    return;
  }
  const { folder, parameters, tokens, rowsPerStep, command } = exported;
  console.log(
    `${folder}: ${(parameters / 1e6).toFixed(1)} M parameters, ${(tokens / 1e6).toFixed(1)} M tokens to train on`,
  );
  console.log(`  ${command}`);
  console.error(paintError.dim(`any number of processes that divides the ${rowsPerStep} rows of a step will do`));
}
