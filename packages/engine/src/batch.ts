/** The rows that are decoded together, the prompt that is about to join them, and the caches behind both. */
import type { KvCache, LanguageModel } from "@dynamo/core";
import { forwardRows, leaveRows, prefillRow, stepRows } from "@dynamo/decode/rows";
import { deliver, endOutput, isOver, now, type Active } from "./active.js";
import { prefixStore, type HeldRow, type PrefixStore } from "./prefix-store.js";

/**
 * Milliseconds in which the strategies of a pass should have answered. A strategy that takes longer holds nobody up: the
 * passes of the others go on without it.
 */
const patience = 100;

/** What one pass of the batch did and took. */
export interface PassReport {
  readonly kind: "prefill" | "decode";
  readonly rows: number;
  /** Seconds of the forward pass, and of the strategies after it. */
  readonly modelSeconds: number;
  readonly strategySeconds: number;
  /** The orders at which the rows settled. */
  readonly orders: readonly number[];
}

export interface BatchOptions {
  readonly slots: number;
  readonly keptTexts: number;
  readonly onPass: (pass: PassReport) => void;
}

/** Tokens that the caches hold: of requests under way, and of kept texts. */
export interface HeldTokens {
  readonly active: number;
  readonly kept: number;
}

export interface Batch {
  /** Row i of the cache belongs to rows[i]. */
  readonly rows: readonly Active[];
  /** Whose prompt is being computed. */
  readonly entering: Active | undefined;
  /** Tokens whose keys and values are here: of texts under way, and of those kept. */
  readonly held: HeldTokens;
  /** Begins with a request's prompt, at the first token that no text here has computed already. */
  enter(active: Active): Promise<void>;
  /** A piece of the entering prompt, of at most so many tokens; after the last one it has a row. Returns the tokens fed. */
  prefill(most: number): Promise<number>;
  /** One pass over all rows. */
  decode(): Promise<void>;
  /** Rows that are over end, and give their place away. */
  leave(): Promise<void>;
  /** Everybody here, who ends with the error; the caches are made anew. Rejects when they cannot be. */
  fail(error: unknown): Promise<void>;
  dispose(): Promise<void>;
}

interface Memory {
  readonly batch: KvCache;
  /** One row, in which a prompt is computed before it joins the others. */
  readonly staging: KvCache;
  readonly kept: PrefixStore;
}

interface State {
  readonly model: LanguageModel;
  readonly options: BatchOptions;
  readonly rows: Active[];
  entering: Active | undefined;
  memory: Memory;
}

export async function createBatch(model: LanguageModel, options: BatchOptions): Promise<Batch> {
  const state: State = { model, options, rows: [], entering: undefined, memory: await reserve(model, options) };
  return {
    rows: state.rows,
    get entering() {
      return state.entering;
    },
    get held() {
      const under = state.entering === undefined ? state.rows : [...state.rows, state.entering];
      return { active: under.reduce((sum, { tokens }) => sum + tokens.length, 0), kept: state.memory.kept.tokens };
    },
    enter: (active) => enter(state, active),
    prefill: (most) => prefill(state, most),
    decode: () => decode(state),
    leave: () => leave(state),
    async fail(error) {
      for (const active of [...state.rows, ...(state.entering === undefined ? [] : [state.entering])]) {
        active.output.fail(error);
        active.decoding.cancel(error);
      }
      state.rows.length = 0;
      state.entering = undefined;
      await release(state.memory);
      state.memory = await reserve(model, options);
    },
    dispose: () => release(state.memory),
  };
}

async function enter(state: State, active: Active): Promise<void> {
  const { staging, kept, batch } = state.memory;
  state.entering = active;
  active.started = now();
  const { decoding, scope } = active;
  const { prompt, heads } = decoding;
  const others = state.rows.map((other, row) => held(batch, row, other));
  // What another text has computed says nothing of this prompt's tokens.
  const scored = decoding.promptScores !== undefined;
  const prefix = scored ? undefined : kept.find({ prompt, scope, needsAllHeads: heads > 1 }, others);
  if (prefix === undefined) staging.truncate(0, 0);
  else await staging.copyRow(prefix.held.row, 0, prefix.length, prefix.held.cache);
  active.reused = prefix?.length ?? 0;
  active.tokens = Array.from(prompt.subarray(0, active.reused));
  active.allHeads = prefix?.held.allHeads ?? true;
}

async function prefill(state: State, most: number): Promise<number> {
  const { model, memory, entering: active } = state;
  if (active === undefined) return 0;
  // A text of no tokens is over, and may have its prompt scored still.
  const over = active.decoding.finishReason !== undefined;
  if (over && active.decoding.promptScores === undefined) {
    await join(state, active);
    return 0;
  }
  const started = now();
  const before = active.tokens.length;
  const candidates = await prefillRow(model, memory.staging, active, { most });
  const fed = active.tokens.length - before;
  const modelSeconds = now() - started;
  const last = candidates !== undefined;
  const orders = last && !over ? deliver([active], await stepRows(memory.staging, [active], candidates, patience)) : [];
  const strategySeconds = now() - started - modelSeconds;
  state.options.onPass({ kind: "prefill", rows: 1, modelSeconds, strategySeconds, orders });
  if (last || active.cancelled) await join(state, active);
  return fed;
}

async function join(state: State, active: Active): Promise<void> {
  const { rows, memory } = state;
  if (isOver(active)) await end(state, held(memory.staging, 0, active), active);
  else {
    await memory.batch.copyRow(0, rows.length, undefined, memory.staging);
    rows.push(active);
  }
  state.entering = undefined;
}

async function decode(state: State): Promise<void> {
  const { model, rows, memory } = state;
  const started = now();
  // While every strategy is late there is nothing to compute.
  const waits = rows.every(({ pending }) => pending !== undefined);
  const candidates = waits ? [] : await forwardRows(model, memory.batch, rows);
  const modelSeconds = now() - started;
  const orders = deliver(rows, await stepRows(memory.batch, rows, candidates, patience));
  const strategySeconds = now() - started - modelSeconds;
  if (!waits) state.options.onPass({ kind: "decode", rows: rows.length, modelSeconds, strategySeconds, orders });
  await leave(state);
}

async function leave(state: State): Promise<void> {
  const { rows, memory } = state;
  await leaveRows(memory.batch, rows, isOver, (active, row) => end(state, held(memory.batch, row, active), active));
}

async function end({ memory }: State, row: HeldRow, active: Active): Promise<void> {
  endOutput(active);
  await memory.kept.keep(row);
}

async function reserve(model: LanguageModel, { slots, keptTexts }: BatchOptions): Promise<Memory> {
  return {
    batch: await model.createCache({ rows: slots }),
    staging: await model.createCache({ rows: 1 }),
    kept: await prefixStore(model, keptTexts),
  };
}

async function release({ batch, staging, kept }: Memory): Promise<void> {
  await Promise.all([batch.dispose(), staging.dispose(), kept.dispose()]);
}

const held = (cache: KvCache, row: number, { tokens, allHeads, scope, owner }: Active): HeldRow => ({
  ...{ cache, row, tokens, allHeads, scope, owner },
});
