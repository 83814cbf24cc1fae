/** One prompt's decoding, a pass at a time: for loops that own a batch, as generate() and a server's engine do. */
import {
  DynamoError,
  type Candidates,
  type Feed,
  type LanguageModel,
  type StepOutput,
  type Strategy,
} from "@dynamo/core";
import { checkOptions, checkValue, describeValue, languageModel, whole, type Misplaced } from "@dynamo/core/options";
import { askStrategy } from "./asked-strategy.js";
import { autoregressive } from "./autoregressive.js";
import { dynamo, dynamoChecks } from "./dynamo.js";
import { generateChecks } from "./generate-checks.js";
import type { FinishReason, GenerateOptions, GenerationChunk, TokenLogprob } from "./generation.js";
import { logitAdjustment } from "./logit-adjustment.js";
import { promptCheck, promptIds, type Prompt } from "./prompt.js";
import { promptScores, type PromptScores } from "./prompt-scores.js";
import { randomSeed } from "./random.js";
import { checkOutput, commit, feedOf, startSequence, type Ends, type Sequence } from "./sequence.js";
import { positionsCheck } from "./step-checks.js";
import { speculativeChecks } from "./speculative.js";
import { onAbort } from "./unless-aborted.js";
import { verifiedChecks } from "./verified.js";

/** For generate(): options that a strategy takes. */
export const strategyOptions: Misplaced = Object.fromEntries(
  Object.entries({ speculative: speculativeChecks, verified: verifiedChecks, dynamo: dynamoChecks }).flatMap(
    ([strategy, checks]) =>
      Object.keys(checks).map((name) => [name, `belongs to a strategy: { strategy: ${strategy}({ ${name} }) }`]),
  ),
);

/** One text while it is being decoded. */
export interface Decoding {
  /** The prompt's ids, begin-of-text included. */
  readonly prompt: Int32Array;
  readonly seed: number;
  /** Token heads that its passes need. */
  readonly heads: number;
  /** Candidates a head that its next pass needs at least. */
  readonly topK: number;
  /** Positions that its row will hold at most. */
  readonly maxLength: number;
  /** Undefined while it goes on. */
  readonly finishReason: FinishReason | undefined;
  readonly progress: DecodingProgress;
  /** With `promptLogprobs`: takes what the passes over the prompt return; `prefillRow` hands it over. */
  readonly promptScores: PromptScores | undefined;
  /** What its text suffers from: token heads that it uses and that were never trained. */
  readonly warnings: readonly string[];
  /** What the next pass feeds behind what the row holds: the first time the whole prompt. */
  feed(): Required<Pick<Feed, "tokens" | "positions">>;
  /**
   * Takes what a pass over `feed()` returned, and commits what the strategy makes of it. The row then keeps all that was
   * fed but the last `rejected` positions. Rejects with `strategy` when the strategy throws or returns nonsense, and with
   * `aborted` when the decoding was cancelled.
   */
  step(positions: readonly (readonly Candidates[])[]): Promise<DecodingStep>;
  /** Ends it where it is, unless it has ended; a step under way rejects with `aborted`, whatever its strategy does. */
  cancel(reason?: unknown): void;
}

/** What one step added to a text. */
export interface DecodingStep {
  readonly chunk: GenerationChunk;
  readonly rejected: number;
}

/** How far a text is. */
export interface DecodingProgress {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly passes: number;
  readonly orders: Readonly<Record<number, number>>;
  readonly logprobs: readonly TokenLogprob[];
  /** Of the prompt's tokens that have been computed, with `promptLogprobs`. */
  readonly promptLogprobs: readonly TokenLogprob[] | undefined;
  /** Seconds in the strategy: in its joint distribution, and in the rest. */
  readonly jointSeconds: number;
  readonly samplingSeconds: number;
  /** Drafts that were judged, and those of them that were accepted. */
  readonly drafted: number;
  readonly accepted: number;
}

/**
 * `index` is the prompt's place in its batch: rows of one seed have random streams of their own. Throws
 * `invalid-argument` for options out of range and an empty prompt, `context-length` for one that fills it; what the strategy throws
 * for a model that it cannot decode.
 */
export function startDecoding(
  model: LanguageModel,
  prompt: Prompt,
  options: GenerateOptions = {},
  index = 0,
): Decoding {
  checkValue("model", model, languageModel);
  checkOptions("startDecoding()", options, generateChecks, strategyOptions);
  checkValue("index", index, whole(0));
  return beginDecoding(model, prompt, options, index);
}

/** As `startDecoding`, for a model, options and an index that were checked. */
export function beginDecoding(model: LanguageModel, prompt: Prompt, options: GenerateOptions, index: number): Decoding {
  checkValue("prompt", prompt, promptCheck);
  const seed = options.seed ?? randomSeed();
  const { info } = model;
  const strategy = options.strategy ?? (info.tokenHeads > 1 ? dynamo() : autoregressive());
  const { heads, drafts, topK } = checkStrategy(strategy, model);
  const ids = promptIds(model, prompt, options);
  const sequence = startSequence(model, index, ids, seed, options);
  const logprobs = alternativesOf(options.logprobs);
  const scores = promptScores(model, ids, { alternatives: alternativesOf(options.promptLogprobs), heads });
  const ends = endsOf(model, options);
  const adjustment = logitAdjustment(options, {
    vocabularySize: info.vocabularySize,
    ends: [...ends.endOfText, ...ends.stopIds],
    defaults: info.generation,
  });
  const alternatives = Math.min(logprobs ?? 0, info.vocabularySize);
  const needed = (): number => Math.max(alternatives, adjustment?.needed(sequence, topK) ?? topK);
  const asked = askStrategy(strategy, model, sequence);
  let forget = (): void => undefined;
  forget = onAbort(options.signal, () => {
    cancel(options.signal?.reason);
  });
  const counts = { jointSeconds: 0, samplingSeconds: 0, drafted: 0, accepted: 0 };

  async function step(positions: readonly (readonly Candidates[])[]): Promise<DecodingStep> {
    const started = performance.now();
    const own = positions.map((all) => all.slice(0, heads).map((head) => best(head, needed())));
    const seen =
      adjustment?.apply(own, sequence, topK) ?? own.map((all) => all.map((candidates) => best(candidates, topK)));
    const decided = await asked.step(seen);
    const seconds = (performance.now() - started) / 1000;
    checkOutput(strategy, decided, sequence, info.vocabularySize, drafts);
    const output = adjustment?.bans?.cut(decided, sequence, strategy.name) ?? decided;
    const rejected = sequence.draft.length - (output.accepted ?? 0);
    countStep(counts, output, { seconds, drafted: sequence.draft.length });
    const least = { minNewTokens: adjustment?.bans?.minNewTokens ?? 0 };
    const made = commit(sequence, output, own, { ...ends, ...least }, logprobs);
    const chunk = made.pass > 0 || scores === undefined ? made : { ...made, promptLogprobs: scores.logprobs };
    adjustment?.count(chunk.tokens);
    if (sequence.finishReason !== undefined) {
      forget();
      await asked.end();
    }
    return { chunk, rejected };
  }

  function cancel(reason?: unknown): void {
    forget();
    sequence.finishReason ??= "cancelled";
    asked.stop(reason);
  }

  return {
    prompt: sequence.context.subarray(0, sequence.promptLength),
    seed,
    heads,
    get topK() {
      return needed();
    },
    // What is fed is committed text and, behind it, the drafts.
    maxLength: sequence.context.length + drafts + 1,
    get finishReason() {
      return sequence.finishReason;
    },
    get progress() {
      return { ...progressOf(sequence), promptLogprobs: scores?.logprobs, ...counts };
    },
    promptScores: scores,
    warnings: untrainedWarnings(info.untrainedHeads.filter((head) => head <= heads)),
    feed: () => ({ tokens: feedOf(sequence), positions: sequence.draft.length + 1 }),
    async step(positions) {
      checkValue("positions", positions, positionsCheck(sequence.draft.length + 1));
      try {
        return await step(positions);
      } catch (error) {
        asked.stop(error);
        throw error;
      }
    },
    cancel,
  };
}

const endsOf = (
  { info }: LanguageModel,
  { stop, stopAtEndOfText = true }: GenerateOptions,
): Omit<Ends, "minNewTokens"> => ({
  endOfText: stopAtEndOfText ? info.endOfTextIds : [],
  stopIds: stop?.ids ?? [],
});

function progressOf(sequence: Sequence): Pick<DecodingProgress, "text" | "tokens" | "passes" | "orders" | "logprobs"> {
  const { text, passes, orders, logprobs, context, promptLength, length } = sequence;
  return { text, tokens: Array.from(context.subarray(promptLength, length)), passes, orders: { ...orders }, logprobs };
}

function untrainedWarnings(heads: readonly number[]): string[] {
  if (heads.length === 0) return [];
  const named = heads.length === 1 ? `head ${heads.join()} was` : `heads ${heads.join(", ")} were`;
  return [
    `token ${named} never trained: use a strategy with fewer heads (autoregressive(), tokenHeads), or train them`,
  ];
}

function countStep(
  counts: { jointSeconds: number; samplingSeconds: number; drafted: number; accepted: number },
  { jointSeconds = 0, accepted = 0 }: StepOutput,
  { seconds, drafted }: { readonly seconds: number; readonly drafted: number },
): void {
  counts.jointSeconds += jointSeconds;
  counts.samplingSeconds += seconds - jointSeconds;
  counts.drafted += drafted;
  counts.accepted += accepted;
}

/** A batch asks for as many candidates as its most curious row: the others see theirs. */
function best(candidates: Candidates, topK: number): Candidates {
  return { ...candidates, ids: candidates.ids.subarray(0, topK), logits: candidates.logits.subarray(0, topK) };
}

/** How many alternatives; undefined for no log-probabilities. */
const alternativesOf = (wanted: boolean | number = false): number | undefined =>
  typeof wanted === "number" ? wanted : wanted ? 0 : undefined;

/** What the strategy asks of a pass. A user's strategy may be plain JavaScript. */
function checkStrategy(
  strategy: Strategy,
  model: LanguageModel,
): { readonly heads: number; readonly drafts: number; readonly topK: number } {
  for (const what of ["heads", "topK", "drafts"] as const) {
    const value = strategy[what] ?? 1;
    if (Number.isInteger(value) && value >= 1) continue;
    throw new DynamoError(
      "strategy",
      `strategy ${strategy.name}: ${what} must be a whole number of at least 1, received ${describeValue(value)}`,
    );
  }
  strategy.check?.(model);
  const { tokenHeads, vocabularySize, generation, rollback = Infinity } = model.info;
  const heads = Math.min(strategy.heads ?? tokenHeads, tokenHeads);
  const topK = Math.min(strategy.topK ?? generation.topK ?? 50, vocabularySize);
  const drafts = strategy.drafts ?? heads - 1;
  if (drafts > rollback) {
    throw new DynamoError(
      "strategy",
      `strategy ${strategy.name}: drafts must be at most ${rollback} for this model, whose cache takes back no more, received ${drafts}`,
    );
  }
  return { heads, drafts, topK };
}
