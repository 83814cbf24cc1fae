/** Measures of each setting's texts with intervals, and the speed-up at the base's log-likelihood. */
import { clusteredMean, type Estimate } from "../statistics/intervals.js";
import { sameQuality, type SameQuality } from "../statistics/same-quality.js";
import type { MeasuredText, MeasuresResult } from "./measures.js";
import { distinctOrders, repetitionOrders } from "./repetition.js";
import type { TextsFile } from "./results-file.js";
import { typesOf } from "./summary.js";
import type { Setting } from "./write-text.js";

/** Means over prompts of the means over a prompt's texts; 95 % by Student's t over the prompts. */
export interface TextMeasures {
  /** Nats a token of the scorer's; null without one. A text that repeats itself is likely too: read it beside rep-n. */
  readonly logLikelihood: Estimate | null;
  /** rep-2, rep-3, rep-4. */
  readonly repetition: Readonly<Record<string, Estimate | null>>;
  /** distinct-1, distinct-2, distinct-3. */
  readonly distinct: Readonly<Record<string, number | null>>;
}

export interface SetMeasures extends TextMeasures {
  /** MAUVE-style, against the real texts; null without them. */
  readonly divergence: number | null;
  readonly byType: Readonly<Record<string, TextMeasures>>;
}

export interface MeasuresSummary {
  readonly base: SetMeasures | null;
  readonly settings: readonly (SetMeasures & { readonly setting: Setting; readonly speedup: Estimate | null })[];
  /** Of the log-likelihood; null without a scorer. */
  readonly sameQuality: SameQuality | null;
  readonly sameQualityByType: Readonly<Record<string, SameQuality | null>>;
}

export async function summarizeMeasures(
  results: AsyncIterable<MeasuresResult>,
  file: TextsFile,
): Promise<MeasuresSummary> {
  const types = typesOf(file.prompts);
  let base: SetMeasures | null = null;
  const own: SetMeasures[] = [];
  for await (const result of results) {
    const measured = setMeasures(result, file, types);
    if (result.setting === null) base = measured;
    else own[result.setting] = measured;
  }
  const settings = file.settings.flatMap(({ setting, speedup }, i) => {
    const measured = own[i];
    return measured === undefined ? [] : [{ setting, speedup, ...measured }];
  });
  const crossing = (type?: string): SameQuality | null => {
    const of = (measured: SetMeasures | null | undefined): number | undefined =>
      (type === undefined ? measured : measured?.byType[type])?.logLikelihood?.value;
    const level = of(base);
    const points = file.settings.flatMap(({ speedup, speedupByType }, i) => {
      const quality = of(own[i]);
      const measured = type === undefined ? speedup?.value : speedupByType[type]?.value;
      return quality === undefined || measured === undefined ? [] : [{ speedup: measured, quality }];
    });
    return level === undefined ? null : sameQuality(points, level);
  };
  const sameQualityByType = Object.fromEntries(types.map((type) => [type, crossing(type)]));
  return { base, settings, sameQuality: crossing(), sameQualityByType };
}

function setMeasures(
  { texts, distinct, distinctByType, divergence }: MeasuresResult,
  { prompts }: TextsFile,
  types: readonly string[],
): SetMeasures {
  const ofType = (type: string): MeasuredText[] => texts.filter(({ prompt }) => prompts[prompt]?.type === type);
  return {
    ...textMeasures(texts, distinct),
    divergence,
    byType: Object.fromEntries(types.map((type) => [type, textMeasures(ofType(type), distinctByType[type] ?? [])])),
  };
}

function textMeasures(texts: readonly MeasuredText[], distinct: readonly (number | null)[]): TextMeasures {
  const byPrompt = [...new Set(texts.map(({ prompt }) => prompt))].map((prompt) =>
    texts.filter((text) => text.prompt === prompt),
  );
  const mean = (of: (text: MeasuredText) => number | null | undefined): Estimate | null =>
    clusteredMean(byPrompt.map((own) => own.flatMap((text) => of(text) ?? [])));
  return {
    logLikelihood: mean(({ logLikelihood }) => logLikelihood),
    repetition: Object.fromEntries(repetitionOrders.map((n, i) => [n, mean(({ repetition }) => repetition[i])])),
    distinct: Object.fromEntries(distinctOrders.map((n, i) => [n, distinct[i] ?? null])),
  };
}
