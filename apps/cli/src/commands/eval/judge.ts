/** `dynamo eval judge`: texts marked or compared by a language model behind an endpoint. */
import { DynamoError } from "@dynamo/core";
import { estimateText, sameQualityText, settingText, type Judgement, type JudgeSummary } from "@dynamo/eval";
import { paint } from "../../paint.js";
import { columnsText } from "./columns.js";
import { runSpec } from "./run-spec.js";
import type { JudgeOptions } from "../../schemas/open-ended.js";

export async function evalJudge(texts: string, options: JudgeOptions, signal: AbortSignal): Promise<void> {
  if (options.pairwise && options.single)
    throw new DynamoError("invalid-argument", "expected either --pairwise or --single");
  const { judgeModel: model, prices: given, single, endpoint, ...rest } = options;
  const [prompt, completion] = given ?? [];
  if (given !== undefined && (given.length !== 2 || prompt === undefined || completion === undefined))
    throw new DynamoError("invalid-argument", "--prices: expected two, of a million prompt and completion tokens");
  const prices = prompt === undefined || completion === undefined ? undefined : { prompt, completion };
  const { api, bothOrders, seed, promptFile, promptName, cache, maxTokens, attempts, concurrency, retries } = rest;
  const { maxCalls, maxCost, keyVariable } = rest;
  const settings = {
    ...{
      texts,
      endpoint,
      model,
      mode: single ? ("single" as const) : ("pairwise" as const),
      api,
      bothOrders,
      seed,
      promptFile,
      promptName,
    },
    ...{ cache, maxTokens, attempts, concurrency, retries, maxCalls, maxCost, prices, keyVariable },
  };
  await runSpec({ kind: "judge", options: settings }, { options, signal, unit: "prompts", print });
}

function print({ base, settings, sameQuality, promptTokens, completionTokens, cost }: JudgeSummary): void {
  const rows = settings.map(({ setting, speedup, ...judgement }) => ({
    setting: settingText(setting),
    "speed-up": estimateText(speedup),
    ...columns(judgement),
  }));
  const ofBase = base === undefined ? [] : [{ setting: "base", "speed-up": "1", ...columns(base) }];
  console.log(columnsText([...ofBase, ...rows]));
  console.log(`\nsame-quality speed-up: ${sameQualityText(sameQuality)}`);
  const spent = cost === null ? "" : `, ${cost.toFixed(4)} in all`;
  console.log(paint.dim(`${promptTokens} prompt and ${completionTokens} completion tokens${spent}`));
}

const columns = ({ winRate, rating, verdicts, malformed }: Judgement): Record<string, string | number> => ({
  ...(winRate === undefined
    ? { "mark (95 %)": estimateText(rating) }
    : {
        "win rate (95 %)":
          winRate.rate === null ? "" : estimateText({ value: winRate.rate, interval: winRate.interval }),
        "wins / losses / ties": `${winRate.wins} / ${winRate.losses} / ${winRate.ties}`,
      }),
  malformed: `${malformed} of ${verdicts}`,
});
