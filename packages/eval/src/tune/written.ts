/** What a setting, or the base at a temperature, has written to each prompt, and what that says together. */
import type { Strategy } from "@dynamo/core";
import type { LoadedModel } from "@dynamo/model";
import { frontierGap, type FrontierGap, type FrontierTexts } from "../open-ended/frontier-gaps.js";
import { contextOf, type OpenPrompt } from "../open-ended/prompts.js";
import { distinct, distinctWithoutEach } from "../open-ended/repetition.js";
import { scoreTexts } from "../open-ended/score-texts.js";
import { wordsOf } from "../open-ended/words.js";
import { writeText, type TimedText } from "../open-ended/write-text.js";
import { ratioEstimate } from "../statistics/intervals.js";
import type { Trial, TuneSetting } from "./setting.js";

export interface Writer {
  readonly strategy: Strategy;
  /** By prompt. */
  readonly written: Map<number, Written>;
}

export interface Timed {
  readonly seconds: number;
  readonly tokens: number;
}

/** A prompt's texts, of all seeds. */
export interface Written extends Timed {
  readonly words: readonly (readonly string[])[];
  /** Nats per token under head 1, negative; null for an empty text. */
  readonly logLikelihoods: readonly (number | null)[];
  readonly passes: number;
  /** Seconds per token of the base in the same turns over its own. */
  ratio: number;
}

export interface WritingOptions {
  readonly seeds: readonly number[];
  readonly maxNewTokens: number;
  readonly signal: AbortSignal;
}

export async function writeTexts(
  model: LoadedModel,
  { strategy, prompt }: { readonly strategy: Strategy; readonly prompt: OpenPrompt },
  { seeds, maxNewTokens, signal }: WritingOptions,
): Promise<TimedText[]> {
  const sampling = { maxNewTokens, stopAtEndOfText: true };
  const texts: TimedText[] = [];
  for (const seed of seeds) texts.push(await writeText(model, prompt, { strategy, seed, sampling, signal }));
  return texts;
}

export async function scored(
  model: LoadedModel,
  texts: readonly TimedText[],
  { prompt, signal }: { readonly prompt: OpenPrompt; readonly signal: AbortSignal },
): Promise<Written> {
  const own = texts.map(({ written: { text } }) => ({ context: contextOf(prompt), text }));
  return {
    ...timeOf(texts),
    words: own.map(({ text }) => wordsOf(text)),
    logLikelihoods: await scoreTexts(model, own, signal),
    passes: texts.reduce((sum, { written }) => sum + written.passes, 0),
    ratio: NaN,
  };
}

export const timeOf = (texts: readonly TimedText[]): Timed =>
  sumOf(texts.map(({ seconds, written: { tokens } }) => ({ seconds, tokens })));

export const sumOf = (times: readonly Timed[]): Timed => ({
  seconds: times.reduce((sum, { seconds }) => sum + seconds, 0),
  tokens: times.reduce((sum, { tokens }) => sum + tokens, 0),
});

export const secondsPerToken = ({ seconds, tokens }: Timed): number => seconds / tokens;

/** Of the first `count` prompts. */
export function textsOf(writer: Writer, count: number): FrontierTexts {
  const written = [...writer.written].filter(([prompt]) => prompt < count);
  const words = written.flatMap(([prompt, own]) => own.words.map((each) => ({ prompt, words: each })));
  const all = words.map((each) => each.words);
  return {
    texts: written.flatMap(([prompt, { logLikelihoods }]) =>
      logLikelihoods.map((logLikelihood) => ({ prompt, logLikelihood })),
    ),
    variety: { "distinct-2": distinct(all, 2), divergence: null },
    distinctWithout: distinctWithoutEach(words, 2),
  };
}

const noGap: FrontierGap = { nats: { value: 0, interval: null }, beyond: false };

/** Of the first `count` prompts, of which the frontier is too. */
export function trialOf(
  setting: TuneSetting,
  writer: Writer,
  { frontier, prompts, count }: { readonly frontier: readonly FrontierTexts[] } & Pick<Trial, "prompts" | "count">,
): Trial {
  const own = textsOf(writer, count);
  const written = [...writer.written].flatMap(([prompt, each]) => (prompt < count ? [each] : []));
  const passes = written.reduce((sum, each) => sum + each.passes, 0);
  const lossless = writer.strategy.lossless === true;
  const ratios = written.map(({ ratio }) => ratio).filter((ratio) => Number.isFinite(ratio) && ratio > 0);
  return {
    ...{ setting, prompts, count, lossless },
    speedup: ratioEstimate(ratios) ?? { value: 0, interval: null },
    tokensPerPass: sumOf(written).tokens / Math.max(1, passes),
    gap: lossless ? noGap : frontierGap(own, frontier, "distinct-2"),
    variety: own.variety["distinct-2"] ?? null,
  };
}
