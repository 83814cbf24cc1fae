/** Multi-token perplexities of a text (paper, section 3.1 and appendix): PPL_n, PPL_{1:n}, PPL_d(ε_b). */
import { open } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import {
  checkOptions,
  flag,
  isPlainObject,
  required,
  text,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { StepOptions } from "@dynamo/decode";
import type { LoadedModel } from "@dynamo/model";
import { folderCheck, sharesCheck } from "../arguments.js";
import type { EvalWorker, Evaluation } from "../evaluation.js";
import { hashFile } from "../hash-file.js";
import { scoreHeads, type PositionScores, type ScoredText } from "./head-scores.js";
import { summarizePerplexity, type PerplexitySummary } from "./summary.js";
import { readTokens, tokenFile, type TokenSource } from "./token-file.js";
import { headSums, maskSums, walkSums } from "./window-sums.js";
import { windowsOf, type Window } from "./windows.js";
import type { PerplexitySettings, PerplexityJob, WindowResult, PerplexityResult } from "./result.js";

/** Positions of one pass: its windows are one job. */
const passTokens = 2048;

export const sourceCheck = valueCheck<TokenSource>("{ text } or { tokens }, a file's path", (value) => {
  const entries: [string, unknown][] = isPlainObject(value) ? Object.entries(value as object) : [];
  return entries.length === 1 && entries.every(([name, path]) => /^(text|tokens)$/.test(name) && text.accepts(path));
});

const checks: OptionChecks<PerplexitySettings> = {
  model: required(folderCheck),
  source: required(sourceCheck),
  window: whole(1),
  stride: whole(1),
  backoffs: sharesCheck("ε_b"),
  mask: flag,
  topK: whole(1),
};

/** Throws `not-found` for files that are not there, `invalid-argument` for a stride or window out of range. */
export async function perplexity(
  settings: PerplexitySettings,
): Promise<Evaluation<PerplexityJob, PerplexityResult, PerplexitySummary>> {
  checkOptions("perplexity()", settings, checks);
  const { source, backoffs = [], model: folder } = settings;
  const file = "text" in source ? source.text : source.tokens;
  const hash = await hashFile(file);
  const prepared = preparedOnce(settings);
  return {
    kind: "perplexity",
    models: [settings.model],
    settings: { ...(JSON.parse(JSON.stringify(settings)) as object), hash },
    async *jobs(worker) {
      const { windows, perJob } = await prepared(worker);
      if (windows.length === 0) throw new DynamoError("invalid-file", `${file} has no document of two tokens or more`);
      for (let from = 0; from < windows.length; from += perJob)
        yield { from, to: Math.min(windows.length, from + perJob) };
    },
    async run({ from, to }, worker) {
      const { windows, path } = await prepared(worker);
      const model = await worker.model(folder);
      const mine = windows.slice(from, to);
      const texts = await readTexts(path, mine, model.info.tokenHeads);
      const topK = settings.topK ?? model.info.generation.topK ?? 50;
      const cache = await model.createCache({
        rows: mine.length,
        maxLength: Math.max(...mine.map(({ length }) => length)),
      });
      try {
        const scores = await scoreHeads(model, cache, texts, { topK, signal: worker.signal });
        return { windows: scores.map((own, i) => windowResult(model, own, texts[i] as ScoredText, settings)) };
      } finally {
        await cache.dispose();
      }
    },
    summarize: (results) => summarizePerplexity(results, backoffs),
  };
}

interface Prepared {
  readonly path: string;
  readonly windows: readonly Window[];
  readonly perJob: number;
}

/** The tokens are written once in a process. */
function preparedOnce({
  model: folder,
  source,
  window,
  stride,
}: PerplexitySettings): (worker: EvalWorker) => Promise<Prepared> {
  let prepared: Promise<Prepared> | undefined;
  return (worker) =>
    (prepared ??= (async () => {
      const model = await worker.model(folder);
      const { contextLength } = model.info;
      const length = checked("window", window ?? contextLength, contextLength);
      const step = checked("stride", stride ?? length, length);
      const { path, lengths } = await tokenFile(model, source, { folder: worker.scratch, signal: worker.signal });
      const perJob = Math.max(1, Math.floor(passTokens / Math.min(length, Math.max(...lengths, 1))));
      return { path, perJob, windows: [...windowsOf(lengths, { window: length, stride: step })] };
    })());
}

function checked(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new DynamoError("invalid-argument", `${name} must be a whole number from 1 to ${most}, received ${value}`);
}

async function readTexts(path: string, windows: readonly Window[], heads: number): Promise<ScoredText[]> {
  const file = await open(path, "r");
  try {
    const texts: ScoredText[] = [];
    for (const { start, length, first, after } of windows)
      texts.push({ tokens: await readTokens(file, start, length + Math.min(heads, after)), length, first });
    return texts;
  } finally {
    await file.close();
  }
}

function windowResult(
  { info, cooccurrence }: LoadedModel,
  scores: readonly PositionScores[],
  { tokens, first }: ScoredText,
  { mask = false, backoffs = [] }: PerplexitySettings,
): WindowResult {
  const { tokenHeads: heads, generation } = info;
  const options: StepOptions = {
    temperature: generation.temperature ?? 0.7,
    repetitionPenalty: generation.repetitionPenalty ?? 1.1,
    maskStrength: generation.maskStrength ?? 1,
    ...{ adaptive: true, blur: true, backoff: 0 },
  };
  const contextOf = (position: number): Int32Array => tokens.subarray(0, first + position + 1);
  const targetsOf = (position: number): Int32Array => tokens.subarray(first + position + 1);
  return {
    heads: headSums(scores, heads),
    ...(mask && cooccurrence !== undefined && heads > 1
      ? { mask: maskSums(scores, targetsOf, heads, cooccurrence, options.maskStrength) }
      : {}),
    ...(backoffs.length > 0
      ? { walks: backoffs.map((backoff) => walkSums(scores, contextOf, heads, cooccurrence, { ...options, backoff })) }
      : {}),
  };
}
