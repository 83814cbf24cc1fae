/** `dynamo tune`: the fastest settings that lose nothing beyond what is allowed, written into the model's folder. */
import { DynamoError } from "@dynamo/core";
import {
  estimateText,
  lossOf,
  mostTrials,
  percentText,
  trialCells,
  tune,
  writeRecommendation,
  type TuneOutcome,
} from "@dynamo/eval";
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
  // Of a model of the hub, the folder that is kept here has the recommendation.
  const model = await localFolder(named, { as: "model", dtype: options.dtype }, signal);
  if (isCheckpoint(model))
    throw new DynamoError(
      "invalid-argument",
      `${model} is a checkpoint: expected a model folder (dynamo convert makes one)`,
    );
  const start = performance.now();
  const outcome = await search(model, options, signal);
  const { chosen } = outcome;
  const written =
    chosen === null || options.dryRun || options.strategy !== undefined
      ? null
      : await writeRecommendation(model, chosen.setting);
  const { settings, ...summary } = outcome;
  const result = {
    kind: "tune",
    settings: { model, text: options.text, ...settings },
    summary: { ...summary, written },
  };
  if (options.out !== undefined) await writeResult(options.out, result, (performance.now() - start) / 1000);
  if (options.json) console.log(JSON.stringify(result));
  else print(outcome, written);
}

async function search(model: string, options: TuneOptions, signal: AbortSignal): Promise<TuneOutcome> {
  const { text, tolerance, documents, seeds, maxNewTokens, seed } = options;
  const opened = await openWorker(options, signal);
  const progress = startProgress("settings");
  let done = 0;
  try {
    const onTrial = (): void => progress.update(++done, mostTrials, "tune");
    const settings = { model, text, tolerance, documents, seeds, maxNewTokens, seed, plugin: ownStrategyOf(options) };
    return await tune(settings, opened.worker, { onTrial });
  } finally {
    progress.stop();
    await opened.close();
  }
}

function print({ trials, chosen, tolerance }: TuneOutcome, written: string | null): void {
  console.log(columnsText(trials.map(trialCells)));
  const allowed = percentText(tolerance);
  if (chosen === null) {
    const least = [...trials].filter(({ speedup }) => speedup.value > 1).sort((a, b) => lossOf(a) - lossOf(b))[0];
    const hint =
      least === undefined ? "nothing was faster" : `what was faster lost ${percentText(lossOf(least))} or more`;
    console.log(`\nNo setting is faster than one token per pass and within ${allowed}: ${hint}. Nothing was written.`);
    return;
  }
  const { backoff, maskStrength, topK } = chosen.setting;
  const found = `ε_b ${backoff}, mask ${maskStrength}, top-k ${topK}: ${estimateText(chosen.speedup)} ×, within ${allowed} on prompts it was not chosen by`;
  console.log(`\n${paint.bold(found)}`);
  console.log(
    written === null
      ? "Nothing was written: the folder's recommendation is dynamo's, and --dry-run keeps it."
      : `Written to ${written}. top_k is every strategy's.`,
  );
}
