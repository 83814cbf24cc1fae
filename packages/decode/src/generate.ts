/** generate(): the one loop from prompts to text. */
import { DynamoError, throwIfAborted, type KvCache, type LanguageModel } from "@dynamo/core";
import { checkOptions, checkValue, languageModel } from "@dynamo/core/options";
import { asGeneration } from "./as-generation.js";
import { beginDecoding, strategyOptions, type Decoding, type DecodingProgress } from "./decoding.js";
import { generateChecks } from "./generate-checks.js";
import type { GenerateOptions, Generation, GenerationChunk, GenerationResult } from "./generation.js";
import { isBatch, type Prompt } from "./prompt.js";
import { randomSeed } from "./random.js";
import { forwardRows, leaveRows, prefillRow, startRow, stepRows, type Row, type RowStep } from "./rows.js";
import { onAbort } from "./unless-aborted.js";

/**
 * Continues a prompt, or each prompt of a batch, one to N tokens a forward pass. A prompt's text does not depend on who
 * else is in the batch.
 * Throws (or rejects with) `invalid-argument` for options out of range, and empty prompts; `context-length` for prompts that fill it;
 * `strategy` when the strategy throws or returns nonsense; `aborted` when the signal fires; `runtime` when a pass fails.
 */
export function generate(
  model: LanguageModel,
  prompts: readonly Prompt[],
  options?: GenerateOptions,
): Generation<GenerationResult[]>;
export function generate(model: LanguageModel, prompt: Prompt, options?: GenerateOptions): Generation<GenerationResult>;
export function generate(
  model: LanguageModel,
  prompt: Prompt | readonly Prompt[],
  options: GenerateOptions = {},
): Generation<GenerationResult | GenerationResult[]> {
  checkValue("model", model, languageModel);
  checkOptions("generate()", options, generateChecks, strategyOptions);
  const batch = isBatch(prompt);
  const { signal, ...own } = options;
  const seed = options.seed ?? randomSeed();
  // One listener for all of them. Array.from: holes count too.
  const prompts = batch ? Array.from(prompt) : [prompt];
  const decodings = prompts.map((each, i) => beginDecoding(model, each, { ...own, seed }, i));
  const run = createRun(model, decodings, signal);
  return once(run.chunks, () => {
    const sum = (of: (progress: DecodingProgress) => number): number =>
      decodings.reduce((total, { progress }) => total + of(progress), 0);
    const strategySeconds = {
      joint: sum(({ jointSeconds }) => jointSeconds),
      sampling: sum(({ samplingSeconds }) => samplingSeconds),
    };
    const results = decodings.map((decoding) => resultOf(decoding, run.seconds, strategySeconds, options));
    return batch ? results : (results[0] as GenerationResult);
  });
}

interface Seconds {
  total: number;
  prefill: number;
  model: number;
}

const now = (): number => performance.now() / 1000;

function createRun(
  model: LanguageModel,
  decodings: readonly Decoding[],
  signal: AbortSignal | undefined,
): { chunks: () => AsyncGenerator<GenerationChunk, void>; seconds: Seconds } {
  const seconds: Seconds = { total: 0, prefill: 0, model: 0 };

  async function* chunks(): AsyncGenerator<GenerationChunk, void> {
    const started = now();
    const rows = decodings.map(startRow);
    const forget = onAbort(signal, () => {
      for (const { decoding } of rows) decoding.cancel(signal?.reason);
    });
    const maxLength = Math.max(...decodings.map((decoding) => decoding.maxLength));
    const cache = await model.createCache({ rows: rows.length, maxLength });
    try {
      for await (const chunk of scorePrompts(model, cache, rows, signal)) {
        seconds.total = seconds.prefill = now() - started;
        yield chunk;
      }
      throwIfAborted(signal);
      await leaveRows(cache, rows, isOver);
      while (rows.length > 0) {
        throwIfAborted(signal);
        const passStarted = now();
        const candidates = await forwardRows(model, cache, rows, { signal });
        const passSeconds = now() - passStarted;
        seconds.model += passSeconds;
        seconds.prefill ||= passSeconds;
        const steps = await stepRows(cache, rows, candidates);
        await leaveRows(cache, rows, isOver);
        seconds.total = now() - started;
        yield* chunksOf(steps);
      }
    } finally {
      seconds.total = now() - started;
      forget();
      for (const { decoding } of rows) decoding.cancel();
      await cache.dispose();
    }
  }
  return { chunks, seconds };
}

const isOver = ({ decoding }: Row): boolean => decoding.finishReason !== undefined;

/** Prompts whose own tokens are scored are computed one by one, in pieces: what a pass returns of them must fit into memory. */
async function* scorePrompts(
  model: LanguageModel,
  cache: KvCache,
  rows: readonly Row[],
  signal: AbortSignal | undefined,
): AsyncGenerator<GenerationChunk, void> {
  if (rows.every(({ decoding }) => decoding.promptScores === undefined)) return;
  const staging = await model.createCache({
    rows: 1,
    maxLength: Math.max(...rows.map((row) => row.decoding.maxLength)),
  });
  try {
    for (const [i, row] of rows.entries()) {
      staging.truncate(0, 0);
      let candidates: Awaited<ReturnType<typeof prefillRow>>;
      while (candidates === undefined) {
        throwIfAborted(signal);
        candidates = await prefillRow(model, staging, row, { most: Infinity, signal });
      }
      const steps = isOver(row) ? [] : await stepRows(staging, [row], candidates);
      await cache.copyRow(0, i, undefined, staging);
      yield* chunksOf(steps);
    }
  } finally {
    await staging.dispose();
  }
}

/** In the rows' order. Throws the first row's error. */
function chunksOf(steps: readonly (RowStep | undefined)[]): GenerationChunk[] {
  const chunks: GenerationChunk[] = [];
  for (const step of steps) {
    if (step === undefined) continue;
    if ("error" in step) throw step.error;
    chunks.push(step.chunk);
  }
  return chunks;
}

function resultOf(
  { prompt, seed, warnings, finishReason = "cancelled", progress }: Decoding,
  seconds: Seconds,
  strategySeconds: { readonly joint: number; readonly sampling: number },
  { logprobs = false }: GenerateOptions,
): GenerationResult {
  const { text, tokens, passes, orders, promptLogprobs } = progress;
  return {
    text,
    tokens,
    finishReason,
    seed,
    warnings,
    ...(logprobs === false ? {} : { logprobs: progress.logprobs }),
    ...(promptLogprobs === undefined ? {} : { promptLogprobs }),
    statistics: {
      promptTokens: prompt.length,
      tokens: tokens.length,
      passes,
      tokensPerPass: passes === 0 ? 0 : tokens.length / passes,
      orders,
      seconds: { ...seconds, ...strategySeconds },
      tokensPerSecond: seconds.total === 0 ? 0 : tokens.length / seconds.total,
    },
  };
}

/** A generation that runs once: iterated, or drained by the first `await`. */
function once<Result>(chunks: () => AsyncGenerator<GenerationChunk, void>, result: () => Result): Generation<Result> {
  let settle: { resolve: (value: Result) => void; reject: (reason: unknown) => void } | undefined;
  const promise = new Promise<Result>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever iterates sees the error there: awaiting as well is a choice, not a duty.
  promise.catch(() => undefined);
  let started = false;
  async function* drive(): AsyncGenerator<GenerationChunk, void> {
    if (started) throw new DynamoError("invalid-argument", "a generation runs once: call generate() again for another");
    started = true;
    let failed = false;
    try {
      yield* chunks();
    } catch (error) {
      failed = true;
      settle?.reject(error);
      throw error;
    } finally {
      if (!failed) settle?.resolve(result());
    }
  }
  async function drain(): Promise<void> {
    try {
      const all = drive();
      while ((await all.next()).done !== true);
    } catch {
      // The promise carries it.
    }
  }
  return asGeneration(drive, () => {
    if (!started) void drain();
    return promise;
  });
}
