/** `dynamo train`: text and a checkpoint (or none) → a DynaMo model folder. */
import { join } from "node:path";
import { DynamoError, type Runtime } from "@dynamo/core";
import type { ModelDType } from "@dynamo/model";
import { convertCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import {
  modelDTypeOf,
  sampleCheckpoint,
  train,
  writeReport,
  type TrainingConfig,
  type TrainingResult,
} from "@dynamo/train/node";
import { exitCodes } from "../exit-codes.js";
import { paintError } from "../paint.js";
import { startProgress } from "../progress.js";
import { hasDataset, ownDataset, placesOf, trainingConfigOf, withCheckpoint } from "../training-config.js";
import { startTrainingView } from "../training-view.js";
import { prepareText } from "./data.js";
import type { TrainOptions } from "../schemas/training.js";

/** Of a run that has a folder. */
export type RunOptions = TrainOptions & { readonly out: string };

export async function runTraining(file: string | undefined, given: RunOptions, signal: AbortSignal): Promise<void> {
  const options = await withCheckpoint(file, given, signal);
  const dataset = await datasetOf({ ...options, ...(await placesOf(file, options)) }, signal);
  const config = await trainingConfigOf(file, options, { run: options.out, resume: options.resume, dataset });
  const runtime = createNodeRuntime({
    device: options.device,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  try {
    const result = await trainWithView(runtime, config, options, signal);
    const model = result.finished ? await writeModel(result, modelDTypeOf(config)) : undefined;
    report(result, model, options);
    if (!result.finished) process.exitCode = exitCodes.interrupted;
  } finally {
    await runtime.dispose();
  }
}

/** With `--text`, the run's own dataset, made when it is not there yet. */
export async function datasetOf(
  options: Pick<RunOptions, "text" | "out" | "checkpoint" | "dataset" | "tokenizer">,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { text, out, checkpoint } = options;
  if (text === undefined) return hasDataset(ownDataset(out)) ? ownDataset(out) : undefined;
  if (options.dataset !== undefined)
    throw new DynamoError("invalid-argument", "give either --text or a dataset, received both");
  if (hasDataset(ownDataset(out))) return ownDataset(out);
  const tokenizer = options.tokenizer ?? checkpoint;
  if (tokenizer === undefined) {
    const make = "make one with `dynamo tokenizer train`";
    throw new DynamoError("invalid-argument", `text needs a tokenizer: give --tokenizer or a checkpoint, or ${make}`);
  }
  await prepareText({ sources: [{ name: "text", files: text }], tokenizer, out: ownDataset(out) }, signal);
  return ownDataset(out);
}

async function trainWithView(
  runtime: Runtime,
  config: TrainingConfig,
  { out, resume }: RunOptions,
  signal: AbortSignal,
): Promise<TrainingResult> {
  console.error(paintError.dim(`training in ${out}; Ctrl-C stops with a checkpoint, --resume goes on`));
  const progress = startProgress();
  const view = startTrainingView(config);
  try {
    return await train(runtime, out, config, {
      resume,
      signal,
      onData(done, total) {
        progress.update(done, total, "checking the data");
        if (done >= total) progress.stop();
      },
      onStem(done, total) {
        progress.update(done, total, "the stem");
        if (done >= total) progress.stop();
      },
      onMetrics: (metrics) => view.show(metrics),
      onNote: (line) => view.note(line),
      async onCheckpoint(folder, step, { chat }) {
        const samples = await sampleCheckpoint(runtime, folder, step, config.samplePrompts, {
          dtype: modelDTypeOf(config),
          seed: config.seed,
          chat,
        });
        await writeReport(out, config);
        return samples;
      },
    });
  } finally {
    progress.stop();
    view.stop();
  }
}

/** The last checkpoint as a model folder, ready for `dynamo generate`. */
async function writeModel({ run, checkpoint }: TrainingResult, dtype: ModelDType): Promise<string> {
  const folder = join(run, "model");
  await convertCheckpoint(checkpoint, folder, { dtypes: [dtype], overwrite: true });
  return folder;
}

function report(result: TrainingResult, model: string | undefined, { json, out }: RunOptions): void {
  const { steps, tokens, seconds, finished, checkpoint } = result;
  if (json) {
    console.log(JSON.stringify({ ...result, model }));
    return;
  }
  const speed = `${(tokens / 1e6).toFixed(1)} M tokens in ${(seconds / 60).toFixed(1)} minutes`;
  console.log(`${finished ? "finished" : "stopped"} after ${steps} steps, ${speed}`);
  console.log(`  checkpoint  ${checkpoint}`);
  if (model !== undefined) console.log(`  model       ${model}  (try: dynamo generate ${model} --prompt "…")`);
  console.log(`  curves      ${join(out, "report.html")}`);
  if (!finished) console.log(`  go on with  dynamo train --out ${out} --resume`);
}
