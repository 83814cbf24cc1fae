/** Tuning: the fastest settings of decoding whose texts lie, within a tolerance, on the base's frontier of likelihood and variety. */
import { DynamoError, type Strategy } from "@dynamo/core";
import { checkOptions, checkValue } from "@dynamo/core/options";
import { dynamo, verified } from "@dynamo/decode";
import { importPlugin } from "@dynamo/decode/node";
import type { LoadedModel } from "@dynamo/model";
import { workerCheck } from "../arguments.js";
import type { EvalWorker } from "../evaluation.js";
import { createMeter, type MeterOptions } from "./meter.js";
import { bestFirst, mostTexts, search, type SearchOptions } from "./search.js";
import { isWithin, type Trial, type TuneSetting } from "./setting.js";
import { spaceOf } from "./space.js";
import { frontierTemperatures } from "./temperatures.js";
import {
  defaultsOf,
  progressChecks,
  promptsOf,
  settingsChecks,
  splitPrompts,
  type SplitPrompts,
  type TuneDefaults,
  type TuneOutcome,
  type TuneProgress,
  type TuneSettings,
} from "./tune-settings.js";

/** Held against prompts that they were not chosen by, beside a safe one and the best of `verified`. */
const finalists = 3;
const mostFinalists = finalists + 2;

/** Throws `invalid-argument` for options out of range and models of one head, `not-found`, `invalid-file`, `aborted`. */
export async function tune(
  options: TuneSettings,
  worker: EvalWorker,
  progress: TuneProgress = {},
): Promise<TuneOutcome> {
  checkOptions("tune()", options, settingsChecks);
  checkValue("worker", worker, workerCheck);
  checkOptions("the progress of tune()", progress, progressChecks);
  const make = await makerOf(options.plugin);
  const model = await worker.model(options.model);
  if (model.info.tokenHeads < 2)
    throw new DynamoError(
      "invalid-argument",
      `${options.model} has one head: expected a model with token heads to tune`,
    );
  const prompts = splitPrompts(await promptsOf(options, worker.signal));
  const settings = defaultsOf(options, { model, prompts });
  const { temperatures, tolerance, seed } = settings;
  const { topK = 50 } = model.info.generation;
  const space = spaceOf(abilitiesOf(model), { temperatures, topK, plugin: options.plugin !== undefined });
  const searching = { space, tolerance, seed, prompts: prompts.search.length };
  const meters = metersOf({ model, make, topK, settings, signal: worker.signal }, { prompts, searching, progress });
  const tried = await search(searching, meters.seen.measure);
  const held = await meters.unseen.measure(finalistsOf(tried, tolerance), prompts.heldOut.length);
  const faster = (a: Trial, b: Trial): number => b.speedup.value - a.speedup.value;
  return {
    ...{ trials: [...tried, ...held], frontier: meters.unseen.frontier(), tolerance, settings },
    chosen: held.filter((trial) => isWithin(trial, tolerance)).sort(faster)[0] ?? null,
    verified: held.filter(({ setting }) => setting.strategy === "verified").sort(faster)[0] ?? null,
  };
}

interface Measuring extends Pick<MeterOptions, "model" | "make" | "topK" | "signal"> {
  readonly settings: TuneDefaults;
}

interface Measured {
  readonly prompts: SplitPrompts;
  readonly searching: SearchOptions;
  readonly progress: TuneProgress;
}

/** Of the prompts of the search, and of the others; progress counts the texts of both. */
function metersOf(
  { settings, ...how }: Measuring,
  { prompts, searching, progress }: Measured,
): Readonly<Record<"seen" | "unseen", ReturnType<typeof createMeter>>> {
  const { seeds, maxNewTokens } = settings;
  const { search: own, heldOut } = prompts;
  const temperatures = frontierTemperatures(settings.temperatures);
  const ofBase = temperatures.length * (own.length + heldOut.length);
  const most = mostTexts(searching) + mostFinalists * heldOut.length + ofBase;
  let done = 0;
  const common = {
    ...{ ...how, temperatures, maxNewTokens, seeds: Array.from({ length: seeds }, (_, i) => i) },
    onWritten: (): void => progress.onTexts?.(++done * seeds, most * seeds),
  };
  return {
    seen: createMeter({ ...common, prompts: own, which: "search" }),
    unseen: createMeter({ ...common, prompts: heldOut, which: "held-out" }),
  };
}

/**
 * Those of which most is to be expected among the trials of most prompts, one of which more would be expected at half the tolerance, in case
 * that these are just outside, and the best of `verified`.
 */
function finalistsOf(tried: readonly Trial[], tolerance: number): TuneSetting[] {
  const last = tried.filter(({ count }) => count === tried[0]?.count).map(({ setting }) => setting);
  const best = last.slice(0, finalists);
  const others = last.slice(finalists).filter(({ strategy }) => strategy !== "verified");
  const safe = bestFirst(tried, others, tolerance / 2).slice(0, 1);
  const anchor = best.some(({ strategy }) => strategy === "verified")
    ? []
    : last.filter(({ strategy }) => strategy === "verified").slice(0, 1);
  return [...best, ...safe, ...anchor];
}

const abilitiesOf = ({ info, config, cooccurrence }: LoadedModel): Parameters<typeof spaceOf>[0] => ({
  tokenHeads: info.tokenHeads,
  hasParts: config.conditional !== undefined,
  hasCounts: cooccurrence !== undefined,
});

async function makerOf(plugin: TuneSettings["plugin"]): Promise<(setting: TuneSetting) => Strategy> {
  const builtIn = ({ strategy, ...setting }: TuneSetting): Strategy => {
    if (strategy === "dynamo") return dynamo(setting);
    const { temperature, topK, maskStrength } = setting;
    return verified({ temperature, topK, maskStrength });
  };
  if (plugin === undefined) return builtIn;
  const imported = await importPlugin(plugin.module);
  const own = ({ temperature, topK, backoff, maskStrength }: TuneSetting): Strategy =>
    imported.make({ temperature, topK, backoff, maskStrength, ...plugin.options });
  // Said before anything is measured.
  own({ strategy: "plugin", temperature: 0.7, topK: 50, backoff: 0.5, maskStrength: 1 });
  return (setting) => (setting.strategy === "plugin" ? own(setting) : builtIn(setting));
}
