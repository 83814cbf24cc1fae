/** `dynamo tune`: the fastest settings whose texts lie on the base's frontier, within a tolerance, written into the model's folder. */
import { DynamoError } from "@dynamo/core";
import { gapMeaning, trialCells, tune, tunedText, writeRecommendation, type TuneOutcome } from "@dynamo/eval";
import { localFolder } from "../hub-place.js";
import { isCheckpoint } from "../open-model.js";
import { paint } from "../paint.js";
import { ownStrategyOf } from "../own-strategy.js";
import { startProgress } from "../progress.js";
import { columnsText } from "./eval/columns.js";
import { writeResult } from "./eval/write-result.js";
import { openWorker } from "./eval/eval-worker.js";
import type { TuneOptions } from "../schemas/evaluation.js";

export async function tuneModel(named: string, options: TuneOptions, signal: AbortSignal): Promise<void> {
  if ((options.text === undefined) === (options.prompts === undefined))
    throw new DynamoError(
      "invalid-argument",
      `expected either --text FILE or --prompts FILE, received ${options.text === undefined ? "neither" : "both"}`,
    );
  // Of a model of the hub, the folder that is kept here has the recommendation.
  const model = await localFolder(named, { as: "model", dtype: options.dtype }, signal);
  if (isCheckpoint(model))
    throw new DynamoError(
      "invalid-argument",
      `${model} is a checkpoint: expected a model folder (dynamo convert makes one)`,
    );
  const start = performance.now();
  const outcome = await search(model, options, signal);
  const written = await write(model, outcome, options);
  const { settings, ...summary } = outcome;
  const { text, prompts } = options;
  const result = {
    kind: "tune",
    settings: { model, text, promptsFile: prompts, ...settings },
    summary: { ...summary, written, sentence: tunedText(outcome) },
  };
  if (options.out !== undefined) await writeResult(options.out, result, (performance.now() - start) / 1000);
  if (options.json) console.log(JSON.stringify(result));
  else print(outcome, written);
}

async function search(model: string, options: TuneOptions, signal: AbortSignal): Promise<TuneOutcome> {
  const { text, prompts, tolerance, temperatures, documents, seeds, maxNewTokens, seed } = options;
  const opened = await openWorker(options, signal);
  const progress = startProgress("texts");
  try {
    const plugin = ownStrategyOf(options);
    return await tune(
      { model, text, prompts, tolerance, temperatures, documents, seeds, maxNewTokens, seed, plugin },
      opened.worker,
      { onTexts: (done, most) => progress.update(done, most, "tune") },
    );
  } finally {
    progress.stop();
    await opened.close();
  }
}

/** The file's path; null for a dry run, a strategy of the user's own, and where nothing was found. */
async function write(model: string, { chosen }: TuneOutcome, options: TuneOptions): Promise<string | null> {
  if (chosen === null || options.dryRun || options.strategy !== undefined) return null;
  return writeRecommendation(model, chosen.setting);
}

function print(outcome: TuneOutcome, written: string | null): void {
  const { trials, tolerance } = outcome;
  // Those that were dropped on the way are in --out and --json.
  const last = trials.filter(({ prompts, count }) => prompts === "held-out" || count === trials[0]?.count);
  console.log(columnsText(last.map((trial) => trialCells(trial, tolerance))));
  console.log(`\n${gapMeaning}`);
  console.log(`\n${paint.bold(tunedText(outcome))}`);
  if (written !== null) console.log(`Written to ${written}. temperature and top_k are every strategy's.`);
  else if (outcome.chosen !== null)
    console.log("Nothing was written: --dry-run keeps the folder as it is, and it recommends no strategy of your own.");
}
