/** One prompt's decoding, a pass at a time: for loops that own a batch, as generate() and a server's engine do. */
import {
  DynamoError,
  type Candidates,
  type Feed,
  type LanguageModel,
  type StepOutput,
  type Strategy,
} from "@dynamo/core";
import { checkOptions, checkValue, languageModel, whole, type Misplaced } from "@dynamo/core/options";
import { autoregressive } from "./autoregressive.js";
import { dynamo, dynamoChecks } from "./dynamo.js";
import { generateChecks } from "./generate-checks.js";
import type { FinishReason, GenerateOptions, GenerationChunk, TokenLogprob } from "./generation.js";
import { logitAdjustment } from "./logit-adjustment.js";
import { promptCheck, promptIds, type Prompt } from "./prompt.js";
import { randomSeed } from "./random.js";
import { checkOutput, commit, feedOf, remaining, startSequence, type Sequence } from "./sequence.js";
import { speculativeChecks } from "./speculative.js";
import { verifiedChecks } from "./verified.js";

/** For generate(): options that a strategy takes. */
export const strategyOptions: Misplaced = Object.fromEntries(
  Object.entries({ speculative: speculativeChecks, verified: verifiedChecks, dynamo: dynamoChecks }).flatMap(
    ([strategy, checks]) =>
      Object.keys(checks).map((name) => [name, `belongs to a strategy: { strategy: ${strategy}({ ${name} }) }`]),
  ),
);

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
  /** What the next pass feeds behind what the row holds: the first time the whole prompt. */
  feed(): Required<Feed>;
  /**
   * Takes what a pass over `feed()` returned, and commits what the strategy makes of it. The row then keeps all that was
   * fed but the last `rejected` positions. Throws `strategy` when the strategy throws or returns nonsense.
   */
  step(positions: readonly (readonly Candidates[])[]): Promise<DecodingStep>;
  /** Ends it where it is, unless it has ended. */
  cancel(): void;
}

export interface DecodingStep {
  readonly chunk: GenerationChunk;
  readonly rejected: number;
}

export interface DecodingProgress {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly passes: number;
  readonly orders: Readonly<Record<number, number>>;
  readonly logprobs: readonly TokenLogprob[];
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
  checkStrategy(strategy);
  strategy.check?.(model);
  const heads = Math.min(strategy.heads ?? info.tokenHeads, info.tokenHeads);
  const drafts = strategy.drafts ?? heads - 1;
  const topK = Math.min(strategy.topK ?? info.generation.topK ?? 50, info.vocabularySize);
  const sequence = startSequence(model, index, promptIds(model, prompt, options.beginOfText ?? true), seed, options);
  const logprobs = wantedLogprobs(options);
  const ends = {
    endOfText: (options.stopAtEndOfText ?? true) ? info.endOfTextIds : [],
    stopIds: options.stop?.ids ?? [],
  };
  const adjustment = logitAdjustment(options, {
    vocabularySize: info.vocabularySize,
    ends: [...ends.endOfText, ...ends.stopIds],
    defaults: info.generation,
  });
  const alternatives = Math.min(logprobs ?? 0, info.vocabularySize);
  const needed = (): number => Math.max(alternatives, adjustment?.needed(sequence, topK) ?? topK);
  const counts = { jointSeconds: 0, samplingSeconds: 0, drafted: 0, accepted: 0 };

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
      const { text, passes, orders, logprobs: made } = sequence;
      const tokens = Array.from(sequence.context.subarray(sequence.promptLength, sequence.length));
      return { text, tokens, passes, orders: { ...orders }, logprobs: made, ...counts };
    },
    feed: () => ({ tokens: feedOf(sequence), positions: sequence.draft.length + 1 }),
    async step(positions) {
      const started = performance.now();
      const own = positions.map((all) => all.slice(0, heads).map((head) => best(head, needed())));
      const seen =
        adjustment?.apply(own, sequence, topK) ?? own.map((all) => all.map((candidates) => best(candidates, topK)));
      const decided = await decide(strategy, model, sequence, seen);
      const seconds = (performance.now() - started) / 1000;
      checkOutput(strategy, decided, sequence, info.vocabularySize, drafts);
      const output = adjustment?.bans?.cut(decided, sequence, strategy.name) ?? decided;
      const { jointSeconds = 0, accepted = 0 } = output;
      counts.jointSeconds += jointSeconds;
      counts.samplingSeconds += seconds - jointSeconds;
      counts.drafted += sequence.draft.length;
      counts.accepted += accepted;
      const rejected = sequence.draft.length - accepted;
      const chunk = commit(
        sequence,
        output,
        own,
        { ...ends, minNewTokens: adjustment?.bans?.minNewTokens ?? 0 },
        logprobs,
      );
      adjustment?.count(chunk.tokens);
      return { chunk, rejected };
    },
    cancel() {
      sequence.finishReason ??= "cancelled";
    },
  };
}

/** A batch asks for as many candidates as its most curious row: the others see theirs. */
function best({ ids, logits, logSumExp }: Candidates, topK: number): Candidates {
  return { ids: ids.subarray(0, topK), logits: logits.subarray(0, topK), logSumExp };
}

const wantedLogprobs = ({ logprobs = false }: GenerateOptions): number | undefined =>
  typeof logprobs === "number" ? logprobs : logprobs ? 0 : undefined;

/** A user's strategy may be plain JavaScript. */
function checkStrategy({ name, heads = 1, topK = 1, drafts = 1 }: Strategy): void {
  for (const [what, value] of Object.entries({ heads, topK, drafts })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new DynamoError(
      "strategy",
      `strategy ${name}: ${what} must be a whole number of at least 1, received ${String(value)}`,
    );
  }
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
