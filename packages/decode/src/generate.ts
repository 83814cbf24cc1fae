/** generate(): the one loop from prompts to text. */
import {
  DynamoError,
  throwIfAborted,
  type KvCache,
  type LanguageModel,
  type StepOutput,
  type Strategy,
} from "@dynamo/core";
import { autoregressive } from "./autoregressive.js";
import { dynamo } from "./dynamo.js";
import type { GenerateOptions, Generation, GenerationChunk, GenerationResult } from "./generation.js";
import { randomSeed } from "./random.js";
import { checkOutput, commit, feedOf, remaining, startSequence, type Sequence } from "./sequence.js";

export type Prompt = string | ArrayLike<number>;

/**
 * Continues a prompt, or each prompt of a batch, one to N tokens a forward pass. A prompt's text does not depend on who
 * else is in the batch.
 * Throws (or rejects with) `invalid-argument` for options out of range, empty prompts, and prompts that fill the context;
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
  const seed = options.seed ?? randomSeed();
  checkOptions(options, seed);
  const batch = isBatch(prompt);
  const sequences = (batch ? prompt : [prompt]).map((each, i) =>
    startSequence(model, i, encode(model, each, options), seed, options),
  );
  const run = createRun(model, sequences, options);
  return once(run.chunks, () => {
    const results = sequences.map((sequence) => resultOf(sequence, run.seconds, seed, options));
    return batch ? results : (results[0] as GenerationResult);
  });
}

function isBatch(prompt: Prompt | readonly Prompt[]): prompt is readonly Prompt[] {
  return Array.isArray(prompt) && prompt.length > 0 && typeof prompt[0] !== "number";
}

function checkOptions({ maxNewTokens, logprobs, stop }: GenerateOptions, seed: number): void {
  const fail = (message: string): never => {
    throw new DynamoError("invalid-argument", message);
  };
  if (maxNewTokens !== undefined && !(Number.isInteger(maxNewTokens) && maxNewTokens >= 1)) {
    fail(`maxNewTokens must be a whole number of at least 1, received ${maxNewTokens}`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) fail(`seed must be a whole number of at least 0, received ${seed}`);
  if (typeof logprobs === "number" && !(Number.isInteger(logprobs) && logprobs >= 0)) {
    fail(`logprobs must be a whole number of at least 0, received ${logprobs}`);
  }
  if (stop?.strings?.some((text) => text === "") === true) fail("a stop string must have at least one character");
}

/** A user's strategy may be plain JavaScript. */
function checkStrategy({ name, heads = 1, topK = 1 }: Strategy): void {
  for (const [what, value] of Object.entries({ heads, topK })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new DynamoError(
      "strategy",
      `strategy ${name}: ${what} must be a whole number of at least 1, received ${String(value)}`,
    );
  }
}

function encode(model: LanguageModel, prompt: Prompt, { beginOfText = true }: GenerateOptions): Int32Array {
  const ids = typeof prompt === "string" ? model.tokenizer.encode(prompt) : Int32Array.from(prompt);
  if (ids.length === 0)
    throw new DynamoError(
      "invalid-argument",
      "the prompt is empty: expected text or token ids (a begin-of-text id alone starts a text from nothing)",
    );
  const first = beginOfText ? model.info.beginOfTextId : undefined;
  if (first === undefined || ids[0] === first) return ids;
  // Never spread: a prompt far too long must reach the check of its length.
  const all = new Int32Array(ids.length + 1);
  all[0] = first;
  all.set(ids, 1);
  return all;
}

interface Seconds {
  total: number;
  prefill: number;
  model: number;
  joint: number;
  sampling: number;
}

const now = (): number => performance.now() / 1000;

function createRun(
  model: LanguageModel,
  sequences: readonly Sequence[],
  options: GenerateOptions,
): { chunks: () => AsyncGenerator<GenerationChunk, void>; seconds: Seconds } {
  const strategy = options.strategy ?? (model.info.tokenHeads > 1 ? dynamo() : autoregressive());
  checkStrategy(strategy);
  const heads = Math.min(strategy.heads ?? model.info.tokenHeads, model.info.tokenHeads);
  const topK = Math.min(strategy.topK ?? model.info.generation.topK ?? 50, model.info.vocabularySize);
  const logprobs =
    options.logprobs === undefined || options.logprobs === false
      ? undefined
      : options.logprobs === true
        ? 0
        : options.logprobs;
  const ends = {
    endOfText: (options.stopAtEndOfText ?? true) ? model.info.endOfTextIds : [],
    stopIds: options.stop?.ids ?? [],
  };
  const seconds: Seconds = { total: 0, prefill: 0, model: 0, joint: 0, sampling: 0 };

  async function* chunks(): AsyncGenerator<GenerationChunk, void> {
    const started = now();
    const active = [...sequences];
    // What is fed is committed text and, behind it, at most a head's draft each.
    const maxLength = Math.max(...sequences.map(({ context }) => context.length)) + heads;
    const cache = await model.createCache({ rows: sequences.length, maxLength });
    try {
      while (active.length > 0) {
        throwIfAborted(options.signal);
        const passStarted = now();
        const feeds = active.map((sequence) => ({ tokens: feedOf(sequence), positions: sequence.draft.length + 1 }));
        const { candidates } = await model.forward(cache, feeds, { heads, topK, signal: options.signal });
        const passSeconds = now() - passStarted;
        seconds.model += passSeconds;
        seconds.prefill ||= passSeconds;
        const made: GenerationChunk[] = [];
        for (const [row, sequence] of active.entries()) {
          const positions = candidates[row] ?? [];
          const stepStarted = now();
          const output = await decide(strategy, model, sequence, positions);
          const stepSeconds = now() - stepStarted;
          checkOutput(strategy, output, sequence, model.info.vocabularySize, heads);
          const joint = output.jointSeconds ?? 0;
          seconds.joint += joint;
          seconds.sampling += stepSeconds - joint;
          const rejected = sequence.draft.length - (output.accepted ?? 0);
          cache.truncate(row, (cache.lengths[row] as number) - rejected);
          made.push(commit(sequence, output, positions, ends, logprobs));
        }
        await leave(cache, active);
        seconds.total = now() - started;
        yield* made;
      }
    } finally {
      seconds.total = now() - started;
      for (const sequence of active) sequence.finishReason ??= "cancelled";
      await cache.dispose();
    }
  }
  return { chunks, seconds };
}

async function decide(
  strategy: Strategy,
  model: LanguageModel,
  sequence: Sequence,
  positions: Parameters<Strategy["step"]>[0]["positions"],
): Promise<StepOutput> {
  try {
    return await strategy.step({
      positions,
      draft: sequence.draft,
      context: sequence.context.subarray(0, sequence.length),
      cooccurrence: model.cooccurrence,
      remaining: remaining(sequence),
      endOfTextIds: model.info.endOfTextIds,
      defaults: model.info.generation,
      random: sequence.random,
    });
  } catch (cause) {
    if (DynamoError.is(cause) && cause.code === "invalid-argument") throw cause;
    throw new DynamoError(
      "strategy",
      `strategy ${strategy.name} threw: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** Finished sequences leave the batch: the last row takes the place of one that ends, so that the rows stay in front. */
async function leave(cache: KvCache, active: Sequence[]): Promise<void> {
  for (let row = active.length - 1; row >= 0; row--) {
    if (active[row]?.finishReason === undefined) continue;
    const last = active.length - 1;
    if (row !== last) {
      await cache.copyRow(last, row);
      active[row] = active[last] as Sequence;
    }
    active.pop();
  }
}

function resultOf(sequence: Sequence, seconds: Seconds, seed: number, options: GenerateOptions): GenerationResult {
  const tokens = Array.from(sequence.context.subarray(sequence.promptLength, sequence.length));
  return {
    text: sequence.text,
    tokens,
    finishReason: sequence.finishReason ?? "cancelled",
    seed,
    ...(options.logprobs === undefined || options.logprobs === false ? {} : { logprobs: sequence.logprobs }),
    statistics: {
      promptTokens: sequence.promptLength,
      tokens: tokens.length,
      passes: sequence.passes,
      tokensPerPass: sequence.passes === 0 ? 0 : tokens.length / sequence.passes,
      orders: { ...sequence.orders },
      seconds: { ...seconds },
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
  return {
    [Symbol.asyncIterator]: drive,
    then(fulfilled, rejected) {
      if (!started) void drain();
      return promise.then(fulfilled, rejected);
    },
  };
}
