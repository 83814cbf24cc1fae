/** Measures of each setting's texts with intervals, and the speed-up at which they are the base's. */
import { clusteredMean, type Estimate } from "../statistics/intervals.js";
import { sameQuality, type SameQuality } from "../statistics/same-quality.js";
import { frontierGap, type FrontierGap, type FrontierTexts, type Variety } from "./frontier-gaps.js";
import type { MeasuredText, MeasuresResult } from "./measures-result.js";
import { distinctOrders, repetitionOrders } from "./repetition.js";
import type { TextsFile } from "./results-file.js";
import { typesOf } from "./summary.js";
import type { Setting } from "./write-text.js";

/** Means over prompts of the means over a prompt's texts; 95 % by Student's t over the prompts. */
export interface TextMeasures {
  /** Nats per token of the scorer's; null without one. A text that repeats itself is likely too: read it beside rep-n. */
  readonly logLikelihood: Estimate | null;
  /** rep-2, rep-3, rep-4. */
  readonly repetition: Readonly<Record<string, Estimate | null>>;
  /** distinct-1, distinct-2, distinct-3. */
  readonly distinct: Readonly<Record<string, number | null>>;
}

/** Measures of a set of texts. */
export interface SetMeasures extends TextMeasures {
  /** MAUVE-style, against the real texts; null without them. */
  readonly divergence: number | null;
  readonly byType: Readonly<Record<string, TextMeasures>>;
}

/** Measures of which more is better, roughly: what each says alone can be gained by a text that nobody would call good. */
export type Quality = "logLikelihood" | "distinct-2" | "divergence";

/** What a speed-up can be at the same quality by: a measure, or `frontier`, likelihood and variety together. */
export type Crossing = Quality | "frontier";

/** Measures of the base's texts and of each setting's. */
export interface MeasuresSummary {
  readonly base: SetMeasures | null;
  /** Of the real texts themselves: what a scorer finds likely is not always what people write. Null without a file of them. */
  readonly real: TextMeasures | null;
  readonly settings: readonly MeasuredSetting[];
  /** By each measure, null where it was not taken; `frontier`: where the gap by distinct-2 is zero. */
  readonly sameQuality: Readonly<Record<Crossing, SameQuality | null>>;
  /** A sentence type has too few texts for a frontier. */
  readonly sameQualityByType: Readonly<Record<string, Readonly<Record<Crossing, SameQuality | null>>>>;
}

/** A setting's measures. */
export interface MeasuredSetting extends SetMeasures {
  readonly setting: Setting;
  readonly speedup: Estimate | null;
  /** From the base's frontier; null where it has too few temperatures, and for a point of the frontier itself. */
  readonly gaps: Readonly<Record<Variety, FrontierGap | null>>;
}

const qualities: Readonly<Record<Quality, (measures: Partial<SetMeasures> | undefined) => number | null | undefined>> =
  {
    logLikelihood: (measures) => measures?.logLikelihood?.value,
    "distinct-2": (measures) => measures?.distinct?.["2"],
    divergence: (measures) => measures?.divergence,
  };

export async function summarizeMeasures(
  results: AsyncIterable<MeasuresResult>,
  file: TextsFile,
): Promise<MeasuresSummary> {
  const types = typesOf(file.prompts);
  let [base, real]: [SetMeasures | null, TextMeasures | null] = [null, null];
  const own: SetMeasures[] = [];
  const kept: MeasuresResult[] = [];
  for await (const result of results) {
    kept.push(result);
    if (result.setting === "real") real = textMeasures(result.texts, result.distinct);
    else if (result.setting === null) base = setMeasures(result, file, types);
    else own[result.setting] = setMeasures(result, file, types);
  }
  const settings = file.settings.flatMap(({ setting, speedup }, i) => {
    const measured = own[i];
    return measured === undefined ? [] : [{ setting, speedup, ...measured, gaps: gapsOf(file, kept, i) }];
  });
  return {
    ...{ base, real, settings },
    sameQuality: { ...crossings(file, base, own), frontier: frontierCrossing(settings) },
    sameQualityByType: Object.fromEntries(types.map((type) => [type, crossings(file, base, own, type)])),
  };
}

function crossings(
  file: TextsFile,
  base: SetMeasures | null,
  own: readonly SetMeasures[],
  type?: string,
): Record<Crossing, SameQuality | null> {
  const pick = (measures: SetMeasures | null | undefined): Partial<SetMeasures> | undefined =>
    type === undefined ? (measures ?? undefined) : measures?.byType[type];
  const crossing = (quality: Quality): SameQuality | null => {
    const level = qualities[quality](pick(base));
    const points = file.settings.flatMap(({ setting, speedup, speedupByType }, i) => {
      if (setting.strategy === "autoregressive") return [];
      const value = qualities[quality](pick(own[i]));
      const measured = type === undefined ? speedup?.value : speedupByType[type]?.value;
      return value === null || value === undefined || measured === undefined
        ? []
        : [{ speedup: measured, quality: value }];
    });
    return level === null || level === undefined ? null : sameQuality(points, level);
  };
  return {
    logLikelihood: crossing("logLikelihood"),
    "distinct-2": crossing("distinct-2"),
    divergence: crossing("divergence"),
    frontier: null,
  };
}

/** Its points are the base's texts and those of the settings that are the base at another temperature. */
function gapsOf(file: TextsFile, results: readonly MeasuresResult[], setting: number): MeasuredSetting["gaps"] {
  const textsOf = ({ texts, distinct, distinctWithout, divergence }: MeasuresResult): FrontierTexts => ({
    texts,
    variety: { "distinct-2": distinct[distinctOrders.indexOf(2)], divergence },
    distinctWithout: new Map(distinctWithout),
  });
  const isBase = (each: number | "real" | null): boolean =>
    each === null || (typeof each === "number" && file.settings[each]?.setting.strategy === "autoregressive");
  const own = results.find((result) => result.setting === setting);
  const frontier = results.filter((result) => isBase(result.setting)).map(textsOf);
  const gap = (variety: Variety): FrontierGap | null =>
    own === undefined || isBase(setting) ? null : frontierGap(textsOf(own), frontier, variety);
  return { "distinct-2": gap("distinct-2"), divergence: gap("divergence") };
}

const frontierCrossing = (settings: readonly MeasuredSetting[]): SameQuality | null =>
  sameQuality(
    settings.flatMap(({ speedup, gaps }) => {
      const gap = gaps["distinct-2"];
      return speedup === null || gap === null ? [] : [{ speedup: speedup.value, quality: -gap.nats.value }];
    }),
    0,
  );

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
