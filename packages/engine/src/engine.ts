/**
 * Continuous batching: requests join and leave a batch at any pass, each row advances by its own number of tokens, and a
 * long prompt is computed in pieces between the passes of the others.
 */
import { DynamoError, type LanguageModel } from "@dynamo/core";
import {
  callback,
  checkOptions,
  checkValue,
  flag,
  languageModel,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { GenerationChunk } from "@dynamo/decode";
import { asGeneration, beginDecoding, onAbort, startRow, strategyOptions } from "@dynamo/decode/rows";
import { abortedError, isOver, now, type Active } from "./active.js";
import { createBatch, type Batch, type HeldTokens, type PassReport } from "./batch.js";
import { channel } from "./channel.js";
import { fairQueue, type FairQueue } from "./fair-queue.js";
import { requestChecks, type EngineGeneration, type EngineRequest, type EngineResult } from "./request.js";

/** Options of `createEngine`. */
export interface EngineOptions {
  /** Requests that are decoded at once. Default 8. */
  readonly slots?: number | undefined;
  /** Texts whose keys and values are kept for prompts that begin alike. Default: as many as slots. */
  readonly keptTexts?: number | undefined;
  /** Requests that may wait for a slot; further ones are refused. Default 64. */
  readonly queue?: number | undefined;
  /** Tokens of prompts that are computed between two passes of those that decode. Default 128. */
  readonly prefillTokens?: number | undefined;
  /** Told of every pass, for metrics. */
  readonly onPass?: ((pass: PassReport) => void) | undefined;
  /** Told when the last request has ended and none waits. */
  readonly onIdle?: (() => void) | undefined;
  /** Told when the model makes no new caches after a failed pass: no request can be served any more. */
  readonly onBroken?: ((error: DynamoError) => void) | undefined;
}

const mostRows = 4096;

const engineChecks: OptionChecks<EngineOptions> = {
  slots: whole(1, mostRows),
  keptTexts: whole(0, mostRows),
  queue: whole(0, mostRows),
  prefillTokens: whole(1, mostRows),
  onPass: callback(),
  onIdle: callback(),
  onBroken: callback(),
};

/** What an engine is doing now. */
export interface EngineState {
  readonly slots: number;
  /** Requests that are computed now. */
  readonly active: number;
  readonly queued: number;
  /** Tokens whose keys and values its caches hold. */
  readonly tokens: HeldTokens;
}

/** Decodes many requests at once on one model. */
export interface Engine {
  readonly state: EngineState;
  /**
   * Puts a request into the queue. Throws `invalid-argument` for options out of range, `context-length` for prompts that fill it,
   * `busy` when the queue is full. The generation rejects with `aborted` when its signal fires, `strategy` when its
   * strategy fails, `runtime` when a pass fails: all requests under way fail then, and the engine goes on.
   */
  submit(request: EngineRequest): EngineGeneration;
  /** Takes no more requests, and ends when those that it has are done, or with `now` at once. */
  close(options?: CloseOptions): Promise<void>;
}

/** Options of an engine's `close`. */
export interface CloseOptions {
  /** Ends the requests that it has too. Default false. */
  readonly now?: boolean;
}

/** Tokens of a prompt in one pass when nobody waits for it. */
const wholeChunk = 512;

/** An engine over a model, which stays the caller's. Throws `invalid-argument` for options out of range. */
export async function createEngine(model: LanguageModel, options: EngineOptions = {}): Promise<Engine> {
  checkValue("model", model, languageModel);
  checkOptions("createEngine()", options, engineChecks);
  const { slots = 8, keptTexts = slots, queue: mostWaiting = 64, prefillTokens = 128, onPass } = options;
  const queue = fairQueue<Active>();
  const batch = await createBatch(model, { slots, keptTexts, onPass: onPass ?? ((): void => undefined) });
  let closing = false;
  let broken: DynamoError | undefined;
  let wake = (): void => undefined;

  const activeCount = (): number => batch.rows.length + (batch.entering === undefined ? 0 : 1);
  const woken = (): Promise<void> =>
    new Promise((resume) => {
      wake = resume;
    });

  function cancel(active: Active): void {
    active.cancelled = true;
    active.decoding.cancel();
    if (queue.remove(active.key, active)) active.output.fail(abortedError());
    wake();
  }

  async function run(): Promise<void> {
    while (broken === undefined && !(closing && activeCount() + queue.size === 0)) {
      if (activeCount() + queue.size === 0) await woken();
      else {
        await work(batch, queue, slots, prefillTokens).catch(recover);
        if (activeCount() + queue.size === 0) options.onIdle?.();
      }
    }
    await batch.dispose().catch(() => undefined);
  }

  /** A failed pass takes everybody under way along; those in the queue begin with new caches. */
  async function recover(error: unknown): Promise<void> {
    await batch.fail(error).catch((cause: unknown) => {
      broken = new DynamoError("runtime", "the engine's model cannot be used any more", { cause });
      for (const active of queue.drain()) active.output.fail(broken);
      options.onBroken?.(broken);
    });
  }

  const running = run();

  return {
    get state() {
      return { slots, active: activeCount(), queued: queue.size, tokens: batch.held };
    },
    submit(request) {
      checkOptions("submit()", request, requestChecks, strategyOptions);
      if (broken !== undefined) throw broken;
      if (closing) throw new DynamoError("busy", "the engine is closing and takes no more requests");
      if (request.signal?.aborted === true) throw abortedError();
      const here = activeCount() + queue.size;
      if (here >= slots + mostWaiting && request.joins !== true) {
        throw new DynamoError(
          "busy",
          `${here} requests are here already: ${slots} slots and a queue of ${mostWaiting}`,
        );
      }
      const active = startRequest(model, request, cancel);
      queue.push(active.key, active);
      wake();
      return generationOf(active);
    },
    async close(given = {}) {
      checkOptions<CloseOptions>("close()", given, { now: flag });
      const { now: atOnce = false } = given;
      closing = true;
      if (atOnce) {
        const entering = batch.entering === undefined ? [] : [batch.entering];
        for (const active of [...queue.drain(), ...batch.rows, ...entering]) {
          active.output.fail(abortedError());
          cancel(active);
        }
      }
      wake();
      await running;
    },
  };
}

/** Prompts for so many tokens, then one pass for those that decode. */
async function work(batch: Batch, queue: FairQueue<Active>, slots: number, prefillTokens: number): Promise<void> {
  // The first to be ready shall not wait for the prompts of all who come after.
  let left = batch.rows.length === 0 ? 1 : prefillTokens;
  while (left > 0) {
    if (batch.entering === undefined) {
      const next = batch.rows.length < slots ? queue.next() : undefined;
      if (next === undefined) break;
      await batch.enter(next);
    }
    left -= await batch.prefill(batch.rows.length === 0 ? wholeChunk : left);
  }
  if (batch.rows.some(isOver)) await batch.leave();
  if (batch.rows.length > 0) await batch.decode();
}

function startRequest(model: LanguageModel, request: EngineRequest, cancel: (active: Active) => void): Active {
  const { prompt, key = "", scope = "", owner = scope, index = 0, signal, joins: _joins, ...options } = request;
  const decoding = beginDecoding(model, prompt, options, index);
  const abort = (): void => {
    cancel(active);
  };
  const submitted = now();
  const active: Active = {
    ...startRow(decoding),
    key,
    scope,
    owner,
    output: channel<GenerationChunk, EngineResult>(abort),
    submitted,
    reused: 0,
    started: submitted,
    firstToken: submitted,
    cancelled: false,
  };
  const forget = onAbort(signal, abort);
  active.output.result.then(forget, forget);
  return active;
}

const generationOf = ({ output }: Active): EngineGeneration =>
  asGeneration(
    () => output.items[Symbol.asyncIterator](),
    () => output.result,
  );
