/** Settings, estimates and crossings in the words of a table. */
import { checkValue, either, isPlainObject, text, valueCheck, whole } from "@dynamo/core/options";
import type { PluginSetting, Way } from "../compare/ways.js";
import type { FrontierGap } from "../open-ended/frontier-gaps.js";
import { settingCheck, type Setting } from "../open-ended/write-text.js";
import { estimateCheck, type Estimate } from "../statistics/intervals.js";
import { jsonObject } from "../arguments.js";
import type { SameQuality } from "../statistics/same-quality.js";

/** Such as "dynamo ε_b 0.5, mask 0.5, no blur". */
export function settingText(setting: Setting): string {
  checkValue("setting", setting, settingCheck);
  const { strategy, temperature, backoff, maskStrength, joint, adaptive, blur } = setting;
  const parts = [
    backoff === undefined ? strategy : `${strategy} ε_b ${backoff}`,
    ...(joint === undefined ? [] : [`${joint} joint`]),
    ...(temperature === undefined ? [] : [`T ${temperature}`]),
    ...(maskStrength === undefined ? [] : [`mask ${maskStrength}`]),
    ...(adaptive === false ? ["no Otsu"] : []),
    ...(blur === false ? ["no blur"] : []),
  ];
  return parts.join(", ");
}

const nothing = valueCheck<null | undefined>("null", (value) => value === null || value === undefined);
const isWay = (value: unknown): boolean => {
  if (value === null || settingCheck.accepts(value)) return true;
  if (!isPlainObject(value)) return false;
  const { strategy, module, options = {} } = value as Readonly<Record<string, unknown>>;
  return strategy === "speculative" || (strategy === "plugin" && text.accepts(module) && jsonObject.accepts(options));
};
const wayCheck = valueCheck<Way | null>("a way of writing { strategy, … }, or null for the base", isWay);

/** The same of a comparison's rows; null is the base. */
export function wayText(way: Way | null): string {
  checkValue("way", way, wayCheck);
  if (way === null) return "autoregressive";
  if (way.strategy === "plugin") return pluginText(way);
  if (way.strategy !== "speculative") return settingText(way);
  return `speculative, ${way.drafts ?? 4} ${way.drafts === 1 ? "draft" : "drafts"}`;
}

/** Such as "own.js, least 0.5". */
function pluginText({ module, options = {} }: PluginSetting): string {
  const name = module.split(/[\\/]/).at(-1) ?? module;
  const parts = Object.entries(options).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  return [name, ...parts].join(", ");
}

/** Such as "1.97 (1.91 to 2.03)"; nothing for what was not measured. */
export function estimateText(estimate: Estimate | null | undefined, digits = 2): string {
  checkValue("estimate", estimate, either(estimateCheck, nothing));
  checkValue("digits", digits, whole(0, 20));
  if (estimate === null || estimate === undefined) return "";
  const { value, interval } = estimate;
  const range = interval === null ? "" : ` (${interval[0].toFixed(digits)} to ${interval[1].toFixed(digits)})`;
  return `${value.toFixed(digits)}${range}`;
}

const gapCheck = valueCheck<FrontierGap | null>(
  "a frontier gap { nats, beyond }, or null",
  (value) => value === null || (isPlainObject(value) && estimateCheck.accepts((value as FrontierGap).nats)),
);

/** Such as "0.10 (0.04 to 0.16)"; a star: the frontier was extrapolated to the setting's variety. */
export function gapText(gap: FrontierGap | null): string {
  checkValue("gap", gap, gapCheck);
  return gap === null ? "" : `${estimateText(gap.nats)}${gap.beyond ? " *" : ""}`;
}

/** What is said wherever there are frontier gaps. */
export const gapMeaning =
  "Frontier gap: nats per token above the base at the temperature of the same distinct-2 (*: beyond its temperatures); 95 % by a jackknife over the prompts.";

/** Such as "21.5 %" of 0.215. */
export function percentText(share: number | null): string {
  checkValue("share", share, shareCheck);
  return share === null ? "" : `${(100 * share).toFixed(1)} %`;
}

const shareCheck = valueCheck<number | null>(
  "a number, or null",
  (value) => value === null || typeof value === "number",
);

type Crossing = Pick<SameQuality, "speedup" | "interval" | "theoretical" | "line">;

const crossingCheck = valueCheck<Crossing | null>("what sameQuality() returns", (value) => {
  if (value === null) return true;
  if (!isPlainObject(value)) return false;
  const { speedup, interval, line } = value as Partial<Crossing>;
  return shareCheck.accepts(speedup) && estimateCheck.accepts({ value: 0, interval }) && isPlainObject(line);
});

/** What the regression says, in a sentence. */
export function sameQualityText(found: Crossing | null): string {
  checkValue("found", found, crossingCheck);
  if (found === null) return "not measured: it needs settings of two speed-ups or more";
  const { speedup, interval, theoretical, line } = found;
  const [low, high] = line.range.map((end) => end.toFixed(2));
  if (speedup === null) return `quality does not fall between the measured speed-ups, ${low} to ${high}`;
  if (speedup <= 0) return `none: quality is below the base's at every speed-up from ${low} to ${high}`;
  const bounds =
    interval === null ? "its 95 % interval has no bounds" : `95 %: ${interval.map((x) => x.toFixed(2)).join(" to ")}`;
  return `${speedup.toFixed(2)} × (${bounds})${theoretical ? ", theoretical: outside what was measured" : ""}`;
}

/** The same in a cell of a table: a star is theoretical. */
export function sameQualityCell(found: Crossing | null): string {
  if (found === null) return "";
  if (found.speedup === null) return "does not fall";
  if (found.speedup <= 0) return "none";
  return `${estimateText({ value: found.speedup, interval: found.interval })}${found.theoretical ? " *" : ""}`;
}
