/**
 * Whether a strategy's texts are head 1's: by the chi-squared statistic where it samples, token for token where it is
 * greedy. Held against the probability of each text, worked out by hand from the model's logits.
 */
import type { GenerationDefaults, LanguageModel, Strategy } from "@dynamo/core";
import { chiSquaredLimit } from "./chi-squared.js";
import { fewTokens, fewTokensModel, randomModel } from "./contract-models.js";
import { generate } from "./generate.js";
import { samplingDistribution, type JudgeOptions } from "./judge.js";
import { likeliestIndex } from "./sample.js";

const [length, rows, sampledBatches] = [4, 400, 4];
/** Texts of which fewer are expected count as one: the statistic is no chi-squared one below. */
const leastExpected = 5;

/** What a strategy samples with where it does not follow the model. */
export type LosslessSampling = { readonly [Name in keyof JudgeOptions]?: NonNullable<JudgeOptions[Name]> };

/** What the models recommend: head 1's own distribution. */
const sampled = { temperature: 1, repetitionPenalty: 1, topP: 1, minP: 0, typicalP: 1, topK: 40 };
const greedy = { ...sampled, temperature: 0 };

/** Undefined, or what is wrong. */
export async function lossOf(
  makeStrategy: () => Strategy,
  sampling: LosslessSampling = {},
): Promise<string | undefined> {
  const model = fewTokensModel(1, sampled);
  const texts = await sampleTexts(model, makeStrategy(), sampledBatches);
  const loss = texts.size === 1 ? undefined : await samplingLoss(model, texts, { ...sampled, ...sampling });
  if (loss !== undefined) return loss;
  // A strategy with a temperature of its own samples here too: there is nothing more to hold it against.
  const others = await sampleTexts(fewTokensModel(1, greedy), makeStrategy(), 1);
  return others.size === 1 ? greedyLoss(makeStrategy, { ...sampled, ...sampling, temperature: 0 }) : undefined;
}

async function sampleTexts(
  model: LanguageModel,
  strategy: Strategy,
  batches: number,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < batches; seed++) {
    const prompts = Array.from({ length: rows }, () => [1]);
    const settings = { strategy, seed, maxNewTokens: length, stopAtEndOfText: false };
    for (const { tokens } of await generate(model, prompts, settings))
      counts.set(tokens.join(), (counts.get(tokens.join()) ?? 0) + 1);
  }
  return counts;
}

async function samplingLoss(
  model: LanguageModel,
  texts: ReadonlyMap<string, number>,
  sampling: JudgeOptions,
): Promise<string | undefined> {
  const expected = await textProbabilities(model, sampling);
  const impossible = [...texts.keys()].find((text) => !expected.has(text));
  if (impossible !== undefined) return `it wrote ${impossible}, which head 1 never writes`;
  const { statistic, outcomes } = chiSquared(texts, expected);
  const limit = chiSquaredLimit(outcomes - 1);
  if (statistic < limit) return undefined;
  const [received, most] = [statistic.toFixed(1), limit.toFixed(1)];
  return `its texts have another distribution than head 1's: expected chi-squared below ${most}, received ${received}`;
}

function chiSquared(
  texts: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
): { readonly statistic: number; readonly outcomes: number } {
  const cells: { wanted: number; counted: number }[] = [];
  const rare = { wanted: 0, counted: 0 };
  for (const [text, probability] of expected) {
    const cell = { wanted: probability * rows * sampledBatches, counted: texts.get(text) ?? 0 };
    if (cell.wanted >= leastExpected) cells.push(cell);
    else {
      rare.wanted += cell.wanted;
      rare.counted += cell.counted;
    }
  }
  if (rare.wanted > 0) cells.push(rare);
  const statistic = cells.reduce((sum, { wanted, counted }) => sum + (counted - wanted) ** 2 / wanted, 0);
  return { statistic, outcomes: cells.length };
}

/** Of every text of `length` tokens after the prompt [1]. */
async function textProbabilities(model: LanguageModel, sampling: JudgeOptions): Promise<ReadonlyMap<string, number>> {
  let texts = new Map<string, { readonly tokens: readonly number[]; readonly probability: number }>([
    ["", { tokens: [], probability: 1 }],
  ]);
  for (let i = 0; i < length; i++) {
    const longer: typeof texts = new Map();
    for (const { tokens, probability } of texts.values()) {
      const { ids, probabilities } = await nextToken(model, [1, ...tokens], sampling);
      for (const token of fewTokens) {
        const all = [...tokens, token];
        const own = probabilities[ids.indexOf(token)] ?? 0;
        if (own > 0) longer.set(all.join(), { tokens: all, probability: probability * own });
      }
    }
    texts = longer;
  }
  return new Map([...texts].map(([text, { probability }]) => [text, probability]));
}

async function nextToken(
  model: LanguageModel,
  context: readonly number[],
  sampling: JudgeOptions,
): Promise<ReturnType<typeof samplingDistribution>> {
  const cache = await model.createCache({ rows: 1 });
  const { candidates } = await model.forward(cache, [{ tokens: context }], { heads: 1, topK: 40 });
  const head = candidates[0]?.[0]?.[0];
  if (head === undefined) throw new Error("the model has no head 1");
  return samplingDistribution(head, Int32Array.from(context), [], sampling);
}

/** For a strategy that always writes the same: it must be what head 1 finds likeliest. */
async function greedyLoss(
  makeStrategy: () => Strategy,
  sampling: JudgeOptions & GenerationDefaults,
): Promise<string | undefined> {
  for (let seed = 0; seed < 10; seed++) {
    const model = (seed % 2 === 0 ? randomModel : fewTokensModel)(seed, sampling);
    const { tokens } = await generate(model, [1], { strategy: makeStrategy(), seed, maxNewTokens: 20 });
    const context = [1];
    for (const [i, token] of tokens.entries()) {
      const { ids, probabilities } = await nextToken(model, context, sampling);
      const likeliest = ids[likeliestIndex(probabilities, ids.length)] as number;
      if (token !== likeliest)
        return `token ${i} of a greedy text: expected head 1's likeliest, ${likeliest}, received ${token}`;
      context.push(token);
    }
  }
  return undefined;
}
