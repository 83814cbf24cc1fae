/**
 * What token heads buy: tokens per pass, speed-up over one token a pass, and what it does to the text, whose log-likelihood
 * under the base model and repetition are compared with those of the base's own samples.
 */
import { autoregressive, dynamo, generate, verified } from "@dynamo/decode";
import type { LoadedModel } from "@dynamo/model";
import type { Strategy } from "@dynamo/core";
import type { BenchOptions, BenchResult } from "./bench.js";
import { baseModel, modelsWithHeads, scoreTokens, withModel } from "./embedded.js";
import { median, round } from "./statistics.js";

const prompts = [
  "Once upon a time, there was a little dog who",
  "One day, a girl named Lily went to the",
  "Tom and Sam were best friends. They liked to",
  "There was a big tree in the",
  "The little bird wanted to fly, but",
  "Mia had a red ball. She",
  "It was a sunny day and the children",
  "A boy named Ben found a",
  "The old man lived in a small",
  '"Can I have some cake?" asked',
  "In the forest, there lived a",
  "Mom said it was time to",
] as const;
const backoffs = [1, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0] as const;
const hotBackoffs = [0.6, 0.5, 0.4, 0.3] as const;
const maxNewTokens = 160;

interface Setting {
  readonly name: string;
  readonly strategy: Strategy;
}

interface Sample {
  readonly prompt: string;
  readonly text: string;
  readonly tokens: number;
  readonly passes: number;
  readonly seconds: number;
}

export async function benchEmbeddedSpeed({ quick, models }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  for (const [name, folder] of models.size > 0 ? models : modelsWithHeads) {
    const samples = await withModel(folder, (model) => sampleAll(model, quick ? 1 : 4));
    const scores = await withModel(baseModel.folder, (scorer) => scoreAll(scorer, samples));
    rows.push(...summarise(name, samples, scores));
  }
  return { name: "embedded-speed", rows };
}

const settings = (): readonly Setting[] => [
  { name: "autoregressive", strategy: autoregressive() },
  { name: "verified", strategy: verified() },
  ...backoffs.map((backoff) => ({ name: `dynamo ${backoff}`, strategy: dynamo({ backoff }) })),
  // The mask and the thresholds sharpen the distribution; a higher temperature gives some of its breadth back.
  ...hotBackoffs.map((backoff) => ({
    name: `dynamo ${backoff}, temperature 1`,
    strategy: dynamo({ backoff, temperature: 1 }),
  })),
];

/** Strategies in turn for every prompt, so that a busy spell of the machine falls on all of them. */
async function sampleAll(model: LoadedModel, seeds: number): Promise<ReadonlyMap<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(settings().map(({ name }) => [name, []]));
  for (const { strategy } of settings()) await generate(model, prompts[0], { strategy, maxNewTokens: 32, seed: 0 });
  for (let seed = 1; seed <= seeds; seed++) {
    for (const prompt of prompts) {
      for (const { name, strategy } of settings()) {
        const { text, statistics } = await generate(model, prompt, {
          strategy,
          maxNewTokens,
          seed,
          stopAtEndOfText: true,
        });
        const { tokens, passes, seconds } = statistics;
        samples.get(name)?.push({ prompt, text, tokens, passes, seconds: seconds.total });
      }
    }
  }
  return samples;
}

interface Score {
  /** Of each continuation's tokens, in nats a token. */
  readonly nats: readonly number[];
  readonly repeated: number;
}

async function scoreAll(
  scorer: LoadedModel,
  samples: ReadonlyMap<string, readonly Sample[]>,
): Promise<ReadonlyMap<string, Score>> {
  const scores = new Map<string, Score>();
  for (const [name, own] of samples) {
    const nats: number[] = [];
    let [repeated, total] = [0, 0];
    for (const { prompt, text } of own) {
      const begin = scorer.info.beginOfTextId;
      const first = [...(begin === undefined ? [] : [begin]), ...scorer.tokenizer.encode(prompt)];
      const tokens = [...(begin === undefined ? [] : [begin]), ...scorer.tokenizer.encode(prompt + text)];
      if (tokens.length <= first.length) continue;
      const [head = new Float64Array()] = await scoreTokens(scorer, tokens);
      const continued = head.subarray(first.length - 1);
      nats.push(-continued.reduce((sum, value) => sum + value, 0) / continued.length);
      const grams = fourGrams(tokens.slice(first.length));
      repeated += grams.length - new Set(grams).size;
      total += grams.length;
    }
    scores.set(name, { nats, repeated: repeated / Math.max(1, total) });
  }
  return scores;
}

const fourGrams = (tokens: readonly number[]): string[] =>
  Array.from({ length: Math.max(0, tokens.length - 3) }, (_, i) => tokens.slice(i, i + 4).join());

function summarise(
  model: string,
  samples: ReadonlyMap<string, readonly Sample[]>,
  scores: ReadonlyMap<string, Score>,
): BenchResult["rows"] {
  const speed = (own: readonly Sample[]): number[] => own.map(({ tokens, seconds }) => tokens / seconds);
  const reference = speed(samples.get("autoregressive") ?? []);
  return [...samples].map(([strategy, own]) => {
    const { nats = [], repeated = NaN } = scores.get(strategy) ?? {};
    const mean = average(nats);
    const deviation = Math.sqrt(average(nats.map((value) => (value - mean) ** 2)));
    return {
      model,
      strategy,
      "tokens per pass": round(sum(own, "tokens") / sum(own, "passes")),
      "speed-up": round(median(speed(own).map((value, i) => value / (reference[i] ?? NaN)))),
      "tokens/s": round(median(speed(own))),
      "nats a token under the base": round(mean),
      "± standard error": Number((deviation / Math.sqrt(nats.length)).toPrecision(2)),
      "repeated 4-grams, %": round(100 * repeated),
    };
  });
}

const sum = (samples: readonly Sample[], key: "tokens" | "passes"): number =>
  samples.reduce((total, sample) => total + sample[key], 0);

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
