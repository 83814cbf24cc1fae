/** Verdicts as win rates or marks of each setting, and the speed-up at the base's quality. */
import { typesOf } from "../open-ended/summary.js";
import type { TextsFile } from "../open-ended/results-file.js";
import type { Setting } from "../open-ended/write-text.js";
import { clusteredMean, type Estimate } from "../statistics/intervals.js";
import { sameQuality, type QualityPoint, type SameQuality } from "../statistics/same-quality.js";
import { winRate, type WinRate } from "../statistics/win-rate.js";
import { costOf, type Prices } from "./budget.js";
import type { JudgedText, JudgeResult } from "./result.js";
import type { JudgeMode } from "./judge-prompts.js";

/** Of one setting's texts, all of them or those of one sentence type. */
export interface Judgement {
  /** Pairwise. */
  readonly winRate?: WinRate;
  /** Single: the mean of the prompts' means, 95 % by Student's t over the prompts; null for no mark at all. */
  readonly rating?: Estimate | null;
  readonly verdicts: number;
  /** Verdicts that the judge did not give in any attempt: they count nowhere else. */
  readonly malformed: number;
  /** Pairs whose two orders disagreed: ties that say something about the judge. */
  readonly inconsistent?: number;
  /** Pairs of the same text: ties without asking. */
  readonly identical?: number;
}

/** What the judge's verdicts on one setting come to. */
export interface SettingJudgement extends Judgement {
  readonly setting: Setting;
  readonly speedup: Estimate | null;
  readonly byType: Readonly<Record<string, Judgement>>;
}

/** What the judge's verdicts come to. */
export interface JudgeSummary {
  readonly mode: JudgeMode;
  /** Single: the base's own marks. */
  readonly base?: Judgement & { readonly byType: Readonly<Record<string, Judgement>> };
  readonly settings: readonly SettingJudgement[];
  /** Win rate or mark against speed-up; null where the settings' speed-ups do not differ. */
  readonly sameQuality: SameQuality | null;
  readonly sameQualityByType: Readonly<Record<string, SameQuality | null>>;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** With the prices that were given; null without. */
  readonly cost: number | null;
}

export interface SummaryParts {
  readonly texts: TextsFile;
  readonly mode: JudgeMode;
  readonly prices: Prices | undefined;
}

export async function summarizeJudgements(
  results: AsyncIterable<JudgeResult>,
  { texts, mode, prices }: SummaryParts,
): Promise<JudgeSummary> {
  const types = typesOf(texts.prompts);
  const base: JudgeResult[] = [];
  const own = texts.settings.map(() => [] as JudgeResult[]);
  const tokens = { promptTokens: 0, completionTokens: 0 };
  for await (const result of results) {
    (result.setting === null ? base : own[result.setting])?.push(result);
    tokens.promptTokens += result.promptTokens;
    tokens.completionTokens += result.completionTokens;
  }
  const ofType = (all: readonly JudgeResult[], type: string): JudgeResult[] =>
    all.filter(({ prompt }) => texts.prompts[prompt]?.type === type);
  const judged = (all: readonly JudgeResult[]): Judgement & { byType: Record<string, Judgement> } => ({
    ...judgementOf(all, mode),
    byType: Object.fromEntries(types.map((type) => [type, judgementOf(ofType(all, type), mode)])),
  });
  const ofBase = mode === "single" ? judged(base) : undefined;
  const settings = texts.settings.map(({ setting, speedup }, i) => ({ setting, speedup, ...judged(own[i] ?? []) }));
  const crossing = (type?: string): SameQuality | null => {
    const points = texts.settings.flatMap(({ speedup, speedupByType }, i) => {
      const judgement = type === undefined ? settings[i] : settings[i]?.byType[type];
      return pointOf(type === undefined ? speedup : speedupByType[type], judgement);
    });
    const level = mode === "pairwise" ? 1 : qualityOf(type === undefined ? ofBase : ofBase?.byType[type]);
    return level === null ? null : sameQuality(points, level);
  };
  return {
    mode,
    ...(ofBase === undefined ? {} : { base: ofBase }),
    settings,
    sameQuality: crossing(),
    sameQualityByType: Object.fromEntries(types.map((type) => [type, crossing(type)])),
    ...tokens,
    cost: prices === undefined ? null : costOf(tokens, prices),
  };
}

function judgementOf(results: readonly JudgeResult[], mode: JudgeMode): Judgement {
  const all = results.flatMap(({ verdicts }) => verdicts);
  const count = (is: (verdict: JudgedText) => boolean): number => all.filter(is).length;
  if (mode === "single")
    return {
      rating: clusteredMean(results.map(({ verdicts }) => verdicts.flatMap(({ rating }) => rating ?? []))),
      verdicts: all.length,
      malformed: count(({ rating }) => rating === null),
    };
  const outcomes = results.map(({ verdicts }) =>
    verdicts.flatMap(({ outcome }) => (outcome === undefined || outcome === "malformed" ? [] : [outcome])),
  );
  return {
    winRate: winRate(outcomes),
    verdicts: all.length,
    malformed: count(({ outcome }) => outcome === "malformed"),
    inconsistent: count(({ outcome, games = [] }) => outcome === "tie" && games.some(({ verdict }) => verdict !== "C")),
    identical: count(({ games }) => games?.length === 0),
  };
}

const qualityOf = (judgement: Judgement | undefined): number | null =>
  judgement?.winRate?.rate ?? judgement?.rating?.value ?? null;

function pointOf(speedup: Estimate | null | undefined, judgement: Judgement | undefined): QualityPoint[] {
  const quality = qualityOf(judgement);
  return speedup === null || speedup === undefined || quality === null ? [] : [{ speedup: speedup.value, quality }];
}
