/** `dynamo eval measures`: what can be said of texts without a judge. */
import {
  estimateText,
  gapMeaning,
  gapText,
  sameQualityText,
  settingText,
  type MeasuresSummary,
  type TextMeasures,
} from "@dynamo/eval";
import { columnsText, type Row } from "./columns.js";
import { runSpec } from "./run-spec.js";
import type { MeasuresOptions } from "../../schemas/open-ended.js";

export async function evalMeasures(texts: string, options: MeasuresOptions, signal: AbortSignal): Promise<void> {
  const { scorer, real, seed } = options;
  await runSpec(
    { kind: "measures", options: { texts, scorer, real, seed } },
    { options, signal, unit: "settings", print },
  );
}

function print({ base, real, settings, sameQuality }: MeasuresSummary): void {
  const fixed = (value: number | null | undefined): string => value?.toFixed(3) ?? "";
  const columns = ({ logLikelihood, repetition, distinct }: TextMeasures, divergence?: number | null): Row => ({
    "nats per token (95 %)": estimateText(logLikelihood, 3),
    "rep-2": fixed(repetition["2"]?.value),
    "rep-4": fixed(repetition["4"]?.value),
    "distinct-1": fixed(distinct["1"]),
    "distinct-2": fixed(distinct["2"]),
    "MAUVE-style": fixed(divergence),
  });
  const withGaps = settings.some(({ gaps }) => gaps["distinct-2"] !== null);
  const gapColumn = (gap: MeasuresSummary["settings"][number]["gaps"]["distinct-2"]): Row => ({
    "frontier gap (95 %)": gapText(gap),
  });
  const rows = [
    ...(real === null ? [] : [{ texts: "real", "speed-up": "", ...columns(real), ...gapColumn(null) }]),
    ...(base === null
      ? []
      : [{ texts: "base", "speed-up": "1", ...columns(base, base.divergence), ...gapColumn(null) }]),
    ...settings.map(({ setting, speedup, ...own }) => ({
      texts: settingText(setting),
      "speed-up": estimateText(speedup),
      ...columns(own, own.divergence),
      ...gapColumn(own.gaps["distinct-2"]),
    })),
  ];
  console.log(columnsText(rows));
  if (withGaps) console.log(`\n${gapMeaning}`);
  console.log("\nspeed-up at the base's value, by the regression of each:");
  for (const [name, found] of Object.entries(sameQuality))
    if (found !== null) console.log(`  ${name}: ${sameQualityText(found)}`);
}
