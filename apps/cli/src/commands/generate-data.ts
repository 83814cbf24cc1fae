/** `dynamo data generate`: text that a model writes itself, as training data for its heads (self-distillation). */
import { existsSync } from "node:fs";
import { open, readFile, writeFile, type FileHandle } from "node:fs/promises";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { autoregressive } from "@dynamo/decode";
import { createEngine, type Engine, type EngineResult } from "@dynamo/engine";
import type { LoadedModel } from "@dynamo/model";
import { documents } from "@dynamo/train/node";
import { openModel } from "../open-model.js";
import { startProgress } from "../progress.js";
import type { GenerateDataOptions } from "../schemas/training.js";

/** Beginnings that are taken out of `--text`: enough that no two texts of a usual run begin alike. */
const mostBeginnings = 100_000;

/** One JSON line a text, in the order of their numbers: text i has seed + i, whatever was computed beside it. */
export async function generateData(
  folder: string | undefined,
  options: GenerateDataOptions,
  signal: AbortSignal,
): Promise<void> {
  const { out, tokens: wanted, slots } = options;
  const { model, close } = await openModel(folder, options, signal);
  let [engine, file]: [Engine | undefined, FileHandle | undefined] = [undefined, undefined];
  const progress = startProgress("tokens", { scale: 1 });
  try {
    const beginnings = await beginningsOf(model, options, signal);
    const running = (engine = await createEngine(model, { slots, keptTexts: 0, queue: 2 * slots }));
    // Nothing is written, or written over, before all that may fail has been read.
    let { tokens, texts } = await startFile(out, options);
    const lines = (file = await open(out, "a"));
    // The oldest is waited for, so that lines come in order while the others go on.
    const pending: Promise<Line>[] = [];
    let next = texts;
    while (tokens < wanted) {
      while (pending.length < 2 * slots) {
        const line = writeText(running, model, beginnings, options, next++);
        // Those that nobody waits for any more are ended with the engine.
        line.catch(() => undefined);
        pending.push(line);
      }
      const { line, count } = await (pending.shift() as Promise<Line>);
      throwIfAborted(signal);
      await lines.appendFile(line);
      tokens += count;
      progress.update(Math.min(tokens, wanted), wanted, `${++texts} texts`);
    }
    progress.stop();
    if (options.json) console.log(JSON.stringify({ out, texts, tokens }));
    else console.log(`${texts} texts, ${tokens} tokens in ${out}  (use: dynamo data prepare ${out} …)`);
  } finally {
    progress.stop();
    await engine?.close({ now: true });
    await file?.close();
    await close();
  }
}

interface Written {
  readonly texts: number;
  readonly tokens: number;
}

/** What the file has when it is gone on with; half a line of a process that was killed is dropped. */
async function startFile(out: string, { resume, overwrite }: GenerateDataOptions): Promise<Written> {
  if (!existsSync(out) || overwrite) {
    await writeFile(out, "");
    return { texts: 0, tokens: 0 };
  }
  if (!resume)
    throw new DynamoError("invalid-argument", `${out} exists: --resume goes on with it, --overwrite begins again`);
  const lines = (await readFile(out, "utf8")).split("\n").slice(0, -1);
  const counts = lines.map((line, i) => countOf(line, out, i + 1));
  await writeFile(out, lines.map((line) => `${line}\n`).join(""));
  return { texts: lines.length, tokens: counts.reduce((sum, count) => sum + count, 0) };
}

function countOf(line: string, out: string, number: number): number {
  let tokens: unknown;
  try {
    ({ tokens } = JSON.parse(line) as { tokens?: unknown });
  } catch {
    tokens = undefined;
  }
  if (typeof tokens === "number") return tokens;
  throw new DynamoError("invalid-file", `${out}, line ${number}: expected a text of an earlier run, with its tokens`);
}

interface Line {
  readonly line: string;
  readonly count: number;
}

async function writeText(
  engine: Engine,
  model: LoadedModel,
  beginnings: readonly (readonly number[])[],
  { temperature: temperatures, topK, repetitionPenalty, maxNewTokens, seed }: GenerateDataOptions,
  index: number,
): Promise<Line> {
  const temperature = temperatures[index % temperatures.length] as number;
  const beginning = beginnings[index % beginnings.length] as readonly number[];
  const result: EngineResult = await engine.submit({
    prompt: beginning,
    strategy: autoregressive({ temperature, topK, repetitionPenalty }),
    maxNewTokens,
    seed: seed + index,
  });
  const text = model.tokenizer.decode(beginning) + result.text;
  const count = result.tokens.length;
  return { line: `${JSON.stringify({ text, temperature, seed: seed + index, tokens: count })}\n`, count };
}

/** The first tokens of the documents; without any text every text begins with nothing. */
async function beginningsOf(
  model: LoadedModel,
  { text: files = [], beginning }: GenerateDataOptions,
  signal: AbortSignal,
): Promise<(readonly number[])[]> {
  const { beginOfTextId } = model.info;
  if (files.length === 0 && beginOfTextId === undefined)
    throw new DynamoError("invalid-argument", "this model has no begin-of-text token: give --text for beginnings");
  if (files.length === 0) return [[]];
  const found: number[][] = [];
  for await (const { text, first } of documents(files)) {
    throwIfAborted(signal);
    if (!first) continue;
    const ids = [...model.tokenizer.encode(text)].slice(0, beginning);
    if (ids.length > 0) found.push(ids);
    if (found.length === mostBeginnings) break;
  }
  if (found.length > 0) return found;
  throw new DynamoError("invalid-file", `${files.join(", ")}: expected documents to begin with, found none`);
}
