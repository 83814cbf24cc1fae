/** Settings, estimates and crossings in the words of a table. */
import type { Estimate, SameQuality, Setting } from "@dynamo/eval";

/** Such as "dynamo ε_b 0.5, mask 0.5, no blur". */
export function settingText({ strategy, backoff, maskStrength, adaptive, blur }: Setting): string {
  const parts = [
    backoff === undefined ? strategy : `${strategy} ε_b ${backoff}`,
    ...(maskStrength === undefined ? [] : [`mask ${maskStrength}`]),
    ...(adaptive === false ? ["no Otsu"] : []),
    ...(blur === false ? ["no blur"] : []),
  ];
  return parts.join(", ");
}

/** Such as "1.97 (1.91 to 2.03)". */
export function estimateText(
  estimate: { readonly value: number; readonly interval: Estimate["interval"] } | null | undefined,
  digits = 2,
): string {
  if (estimate === null || estimate === undefined) return "";
  const { value, interval } = estimate;
  const range = interval === null ? "" : ` (${interval[0].toFixed(digits)} to ${interval[1].toFixed(digits)})`;
  return `${value.toFixed(digits)}${range}`;
}

/** What the regression says, in a sentence. */
export function sameQualityText(found: SameQuality | null): string {
  if (found === null) return "not measured: it needs settings of two speed-ups or more";
  const { speedup, interval, theoretical, range } = { ...found, range: found.line.range };
  if (speedup === null)
    return `quality does not fall between the measured speed-ups, ${range[0].toFixed(2)} to ${range[1].toFixed(2)}`;
  const bounds =
    interval === null ? "its 95 % interval has no bounds" : `95 %: ${interval.map((x) => x.toFixed(2)).join(" to ")}`;
  return `${speedup.toFixed(2)} × (${bounds})${theoretical ? ", theoretical: outside what was measured" : ""}`;
}
