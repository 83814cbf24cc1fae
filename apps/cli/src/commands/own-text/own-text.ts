/** Text that a model writes itself, in pieces that any process may write: text i depends on the options and on i alone. */
import { throwIfAborted } from "@dynamo/core";
import { autoregressive } from "@dynamo/decode";
import { createEngine, type Engine } from "@dynamo/engine";
import { hashFile, type EvalWorker, type JsonObject, type Work } from "@dynamo/eval";
import type { LoadedModel } from "@dynamo/model";
import { beginningsOf } from "./beginnings.js";

/** Plain JSON. Files and folders are found by these paths on every host. */
export interface OwnTextOptions {
  readonly model: string;
  /** Files whose documents are begun with; none: every text begins with nothing. */
  readonly text: readonly string[];
  /** Tokens of a beginning. */
  readonly beginning: number;
  /** Of the texts in turn. */
  readonly temperature: readonly number[];
  readonly topK?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  readonly maxNewTokens: number;
  /** Text i has this plus i. */
  readonly seed: number;
  /** Texts that a process writes side by side. */
  readonly slots: number;
}

/** From which a worker of the queue makes the work. */
export interface OwnTextSpec {
  readonly kind: "own-text";
  readonly options: OwnTextOptions;
}

/** Texts `first` to `first + count - 1`. */
export interface Piece {
  readonly first: number;
  readonly count: number;
}

/** A line of the file. */
export interface WrittenText {
  readonly text: string;
  readonly temperature: number;
  readonly seed: number;
  /** Those that were written; the beginning's are left out. */
  readonly tokens: number;
}

export interface OwnText extends Work<Piece, readonly WrittenText[]> {
  /** In the order of their numbers; whoever stops early takes what is not needed with it. */
  write(piece: Piece, worker: Pick<EvalWorker, "model" | "signal">): AsyncIterable<WrittenText>;
}

/** Throws `not-found` for files that are not there. */
export async function ownText(options: OwnTextOptions): Promise<OwnText> {
  const textHashes: string[] = [];
  for (const file of options.text) textHashes.push(await hashFile(file));
  // They take a while to find, and are the same for every piece.
  let found: ReturnType<typeof beginningsOf> | undefined;
  const write: OwnText["write"] = async function* (piece, { model: open, signal }) {
    const model = await open(options.model);
    found ??= beginningsOf(model, options, signal).catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    const beginnings = await found;
    yield* writeInOrder(model, { options, beginnings, signal }, piece);
  };
  return {
    kind: "own-text",
    models: [options.model],
    settings: { ...(JSON.parse(JSON.stringify(options)) as JsonObject), textHashes },
    write,
    async run(piece, worker) {
      const texts: WrittenText[] = [];
      for await (const text of write(piece, worker)) texts.push(text);
      return texts;
    },
  };
}

interface Writing {
  readonly options: OwnTextOptions;
  readonly beginnings: readonly (readonly number[])[];
  readonly signal: AbortSignal;
}

async function* writeInOrder(
  model: LoadedModel,
  writing: Writing,
  { first, count }: Piece,
): AsyncGenerator<WrittenText> {
  const { slots } = writing.options;
  const engine = await createEngine(model, { slots, keptTexts: 0, queue: 2 * slots });
  try {
    // The oldest is waited for, so that texts come in order while the others go on.
    const pending: Promise<WrittenText>[] = [];
    for (let next = first; next < first + count || pending.length > 0;) {
      while (next < first + count && pending.length < 2 * slots) {
        const text = writeText(engine, model, writing, next++);
        // Those that nobody waits for any more are ended with the engine.
        text.catch(() => undefined);
        pending.push(text);
      }
      yield await (pending.shift() as Promise<WrittenText>);
      throwIfAborted(writing.signal);
    }
  } finally {
    await engine.close({ now: true });
  }
}

async function writeText(
  engine: Engine,
  model: LoadedModel,
  { options, beginnings, signal }: Writing,
  index: number,
): Promise<WrittenText> {
  const { temperature: temperatures, topK, repetitionPenalty, maxNewTokens } = options;
  const temperature = temperatures[index % temperatures.length] as number;
  const beginning = beginnings[index % beginnings.length] as readonly number[];
  const seed = options.seed + index;
  const { text, tokens } = await engine.submit({
    ...{ prompt: beginning, maxNewTokens, seed, signal },
    strategy: autoregressive({ temperature, topK, repetitionPenalty }),
  });
  return { text: model.tokenizer.decode(beginning) + text, temperature, seed, tokens: tokens.length };
}
