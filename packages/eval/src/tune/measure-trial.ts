/** One setting beside one token per pass: how much faster, how likely, how varied its texts are. */
import type { Strategy } from "@dynamo/core";
import { autoregressive } from "@dynamo/decode";
import type { LoadedModel } from "@dynamo/model";
import { scoreContinuations } from "../log-likelihood.js";
import { distinct } from "../open-ended/repetition.js";
import { wordsOf } from "../open-ended/words.js";
import { writeText, type TimedText } from "../open-ended/write-text.js";
import { meanOf, ratioEstimate } from "../statistics/intervals.js";
import type { Trial, TuneSetting } from "./choose.js";

export interface TrialOptions {
  /** Beginnings of documents. */
  readonly contexts: readonly string[];
  readonly seeds: readonly number[];
  readonly maxNewTokens: number;
  readonly prompts: Trial["prompts"];
  /** What is tuned: a strategy of a setting. */
  readonly make: (setting: TuneSetting) => Strategy;
  readonly signal: AbortSignal;
}

/** Of texts written before the clock runs: a session's first passes are slower. */
const warmUpTokens = 8;

interface Pair {
  readonly context: string;
  readonly own: TimedText[];
  readonly base: TimedText[];
}

/** Prompts are the observations of its intervals, seeds are not. */
export async function measureTrial(model: LoadedModel, setting: TuneSetting, options: TrialOptions): Promise<Trial> {
  const pairs = await writePairs(model, setting, options);
  const scores = { own: await natsOf(model, pairs, "own", options), base: await natsOf(model, pairs, "base", options) };
  const all = pairs.flatMap(({ own }) => own.map(({ written }) => written));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const estimate = (ratios: readonly number[]): Trial["speedup"] =>
    ratioEstimate(ratios.filter((ratio) => Number.isFinite(ratio) && ratio > 0)) ?? { value: 0, interval: null };
  return {
    ...{ setting, prompts: options.prompts },
    speedup: estimate(pairs.map(({ own, base }) => secondsPerToken(base) / secondsPerToken(own))),
    perplexityRatio: estimate(pairs.map((_, i) => Math.exp((scores.own[i] ?? NaN) - (scores.base[i] ?? NaN)))),
    varietyRatio: estimate(pairs.map(({ own, base }) => varietyOf(own) / varietyOf(base))),
    tokensPerPass: sum(all.map(({ tokens }) => tokens)) / Math.max(1, sum(all.map(({ passes }) => passes))),
  };
}

/** In turns, and each begins every other time: in a busy minute both are slow. */
async function writePairs(model: LoadedModel, setting: TuneSetting, options: TrialOptions): Promise<Pair[]> {
  const { contexts, seeds, maxNewTokens, make, signal } = options;
  const ways = { own: make(setting), base: autoregressive({ topK: setting.topK }) };
  const write = (context: string, way: keyof typeof ways, seed: number, most = maxNewTokens): Promise<TimedText> =>
    writeText(
      model,
      { id: "", type: "", text: context, chat: false },
      { strategy: ways[way], seed, signal, sampling: { maxNewTokens: most, stopAtEndOfText: true } },
    );
  for (const way of ["own", "base"] as const) await write(contexts[0] ?? "", way, 0, warmUpTokens);
  const pairs: Pair[] = [];
  for (const context of contexts) {
    const pair: Pair = { context, own: [], base: [] };
    for (const [i, seed] of seeds.entries())
      for (const way of i % 2 === 0 ? (["own", "base"] as const) : (["base", "own"] as const))
        pair[way].push(await write(context, way, seed));
    pairs.push(pair);
  }
  return pairs;
}

const secondsPerToken = (texts: readonly TimedText[]): number =>
  texts.reduce((sum, { seconds }) => sum + seconds, 0) / texts.reduce((sum, { written }) => sum + written.tokens, 0);

const varietyOf = (texts: readonly TimedText[]): number =>
  distinct(
    texts.map(({ written }) => wordsOf(written.text)),
    2,
  ) ?? NaN;

/** Nats per token under head 1, negated, of each prompt: the mean of its texts. */
async function natsOf(
  model: LoadedModel,
  pairs: readonly Pair[],
  way: "own" | "base",
  { signal }: TrialOptions,
): Promise<number[]> {
  const items = pairs.flatMap(({ context, [way]: texts }, prompt) =>
    texts.flatMap(({ written: { text } }) => (text === "" ? [] : [{ prompt, context, continuation: text }])),
  );
  const scores = await scoreContinuations(model, items, { signal });
  return pairs.map((_, prompt) =>
    meanOf(
      items.flatMap((item, i) => {
        const score = scores[i];
        return item.prompt !== prompt || score === undefined ? [] : [-score.logLikelihood / score.tokens];
      }),
    ),
  );
}
