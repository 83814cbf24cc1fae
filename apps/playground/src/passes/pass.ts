/** What is kept of one forward pass, so that the page can show it and decide it anew. */
import type { Candidates, LanguageModel, Strategy } from "@dynamo/core";
import { generate, withStep, type AdjustmentOptions, type OrderTrace } from "@dynamo/decode";

export interface Pass {
  readonly index: number;
  readonly text: string;
  readonly tokens: readonly number[];
  readonly order: number;
  /** Wall time of the pass: model, strategy, and the way there and back. */
  readonly seconds: number;
  readonly step: RecordedStep;
}

/** A strategy's step: what it was given and what it told. */
export interface RecordedStep {
  /** positions[p][h]: candidates of head h + 1 after p drafted tokens. */
  readonly positions: readonly (readonly Candidates[])[];
  readonly drafted: number;
  readonly accepted: number;
  /** Prompt and text before the pass. */
  readonly context: Int32Array;
  /** The random numbers that the step drew, so that the same ones decide again. */
  readonly draws: readonly number[];
  readonly remaining: number;
  readonly trace: unknown;
}

/** The strategy itself, whose trace is a `RecordedStep`. */
export function recorded(strategy: Strategy): Strategy {
  return withStep(strategy, async (input) => {
    const draws: number[] = [];
    const context = input.context.slice();
    const random = (): number => {
      const draw = input.random();
      draws.push(draw);
      return draw;
    };
    const output = await strategy.step({ ...input, random });
    const trace: RecordedStep = {
      positions: input.positions,
      drafted: input.draft.length,
      accepted: output.accepted ?? 0,
      context,
      draws,
      remaining: input.remaining,
      trace: output.trace,
    };
    return { ...output, trace };
  });
}

export interface WriteOptions {
  /** Text, or its token ids. */
  readonly prompt: string | Int32Array;
  /** The model's begin-of-text before it, where the model has one; default true. */
  readonly beginOfText?: boolean | undefined;
  readonly strategy: Strategy;
  readonly length: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /** Of every strategy's logits. Default: none. */
  readonly adjustments?: AdjustmentOptions;
}

/** The passes of a text, each as it is made; one is made each time the iterator is asked. */
export async function* writePasses(model: LanguageModel, options: WriteOptions): AsyncGenerator<Pass, void> {
  const { prompt, beginOfText, strategy, length: maxNewTokens, seed, signal, adjustments } = options;
  const given = { strategy: recorded(strategy), beginOfText, maxNewTokens, seed, signal };
  const chunks = generate(model, prompt, { ...adjustments, ...given });
  let started = performance.now();
  for await (const { pass, text, tokens, order, trace } of chunks) {
    const seconds = (performance.now() - started) / 1000;
    yield { index: pass, text, tokens, order, seconds, step: trace as RecordedStep };
    started = performance.now();
  }
}

/** Whether a text, prompt included, has reached the model's context length, and can go no further. */
export function fillsContext(contextLength: number, passes: readonly Pass[]): boolean {
  const last = passes.at(-1);
  return last !== undefined && last.step.context.length + last.tokens.length >= contextLength;
}

/** DynaMo's trace of the orders it tried; undefined for other strategies. */
export function orderTrace({ step: { trace } }: Pass): readonly OrderTrace[] | undefined {
  if (!Array.isArray(trace)) return undefined;
  const isOrder = (each: unknown): each is OrderTrace =>
    typeof each === "object" && each !== null && "order" in each && "peakAfter" in each;
  return trace.every(isOrder) ? trace : undefined;
}

export interface Tally {
  readonly tokens: number;
  readonly passes: number;
  readonly seconds: number;
  /** orders[n]: passes that settled at order n. */
  readonly orders: Readonly<Record<number, number>>;
}

export const emptyTally: Tally = { tokens: 0, passes: 0, seconds: 0, orders: {} };

export function addPass(tally: Tally, { tokens, order, seconds }: Pick<Pass, "tokens" | "order" | "seconds">): Tally {
  return {
    tokens: tally.tokens + tokens.length,
    passes: tally.passes + 1,
    seconds: tally.seconds + seconds,
    orders: { ...tally.orders, [order]: (tally.orders[order] ?? 0) + 1 },
  };
}

export interface HeadColumn {
  readonly head: number;
  /** Drafted tokens before the one that the head predicts here; 0 unless the strategy drafts. */
  readonly position: number;
  readonly candidates: Candidates;
  /** The token of the pass that this head gave; undefined when it gave none. */
  readonly token: number | undefined;
}

/** Whose candidates each token of the pass came from; heads that gave none come last. */
export function headColumns({ tokens, step: { positions, accepted } }: Pass): HeadColumn[] {
  const columns: HeadColumn[] = [];
  for (let position = 0; position <= accepted; position++) {
    for (const [head, candidates] of (positions[position] ?? []).entries()) {
      // An accepted draft was judged by head 1 at its own place.
      if (position < accepted && head > 0) break;
      columns.push({ head: head + 1, position, candidates, token: tokens[position + head] });
    }
  }
  return columns;
}

/** Probability of a candidate over the whole vocabulary, at temperature 1. */
export const probabilityOf = ({ logits, logSumExp }: Candidates, rank: number): number =>
  Math.exp((logits[rank] ?? -Infinity) - logSumExp);

/** 0 before there is anything to divide by. */
export const tokensPerPass = ({ tokens, passes }: Tally): number => (passes === 0 ? 0 : tokens / passes);
export const tokensPerSecond = ({ tokens, seconds }: Tally): number => (seconds === 0 ? 0 : tokens / seconds);
