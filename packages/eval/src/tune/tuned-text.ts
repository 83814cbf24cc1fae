/** What tuning found, in words. */
import { checkValue, isPlainObject, valueCheck } from "@dynamo/core/options";
import { estimateText, gapText } from "../report/words.js";
import { isWithin, settingCheck, trialCheck, type Trial, type TuneSetting } from "./setting.js";

/** Such as "dynamo, joint chain, T 0.6, ε_b 0.65, top-k 20". */
export function tuneSettingText(setting: TuneSetting): string {
  checkValue("setting", setting, settingCheck);
  const { strategy, joint, temperature, backoff, maskStrength, topK } = setting;
  return [
    strategy === "plugin" ? "own strategy" : strategy,
    ...(joint === undefined ? [] : [`joint ${joint}`]),
    `T ${temperature}`,
    ...(backoff === undefined ? [] : [`ε_b ${backoff}`]),
    ...(maskStrength === undefined ? [] : [`α_c ${maskStrength}`]),
    `top-k ${topK}`,
  ].join(", ");
}

interface Found {
  readonly trials: readonly Trial[];
  readonly chosen: Trial | null;
  readonly verified: Trial | null;
  readonly tolerance: number;
}

const foundCheck = valueCheck<Found>("what tune() resolves to", (value) => {
  if (!isPlainObject(value)) return false;
  const { trials, chosen, verified, tolerance } = value as Partial<Found>;
  return (
    Array.isArray(trials) &&
    [...(trials as unknown[]), chosen ?? undefined, verified ?? undefined].every(
      (each) => each === undefined || trialCheck.accepts(each),
    ) &&
    typeof tolerance === "number"
  );
});

/** In one sentence, on the prompts that the search did not see. */
export function tunedText(found: Found): string {
  checkValue("found", found, foundCheck);
  const { trials, chosen, verified, tolerance } = found;
  const anchor =
    verified === null || verified === chosen || chosen?.setting.strategy === "verified"
      ? ""
      : `; verified: ${verified.speedup.value.toFixed(2)} ×`;
  if (chosen !== null) return `${measuredText(chosen)}${anchor}.`;
  const least = trials
    .filter(({ prompts, lossless, gap }) => prompts === "held-out" && !lossless && gap !== null)
    .sort((a, b) => (a.gap?.nats.value ?? 0) - (b.gap?.nats.value ?? 0))[0];
  const nearest = least === undefined ? "" : `: ${measuredText(least)}`;
  return `Nothing is faster than one token per pass within ${tolerance} nats of the base's frontier${nearest}${anchor}.`;
}

function measuredText({ setting, speedup, tokensPerPass, gap, lossless }: Trial): string {
  const quality = lossless ? "gap 0 (lossless)" : gap === null ? "gap not measured" : `gap ${gapOf(gap)}`;
  return `${tuneSettingText(setting)}: ${tokensPerPass.toFixed(2)} tokens per pass, ${speedup.value.toFixed(2)} × one token per pass, ${quality}`;
}

const gapOf = ({ nats, beyond }: NonNullable<Trial["gap"]>): string => {
  const { value, interval } = nats;
  const range = interval === null ? "" : ` (${interval[0].toFixed(2)} to ${interval[1].toFixed(2)})`;
  return `${value.toFixed(2)} nats${range}${beyond ? ", beyond the frontier" : ""}`;
};

/** A row of what tuning tried. */
export function trialCells(trial: Trial, tolerance: number): Readonly<Record<string, string | number>> {
  checkValue("trial", trial, trialCheck);
  return {
    setting: tuneSettingText(trial.setting),
    prompts: `${trial.count} ${trial.prompts}`,
    "tokens per pass": trial.tokensPerPass.toFixed(2),
    "speed-up (95 %)": estimateText(trial.speedup),
    "frontier gap (95 %)": trial.lossless ? "0, lossless" : gapText(trial.gap),
    "distinct-2": trial.variety?.toFixed(3) ?? "",
    within: isWithin(trial, tolerance) ? "yes" : "",
  };
}
