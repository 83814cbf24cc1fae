/** Out of a text file, drawn evenly from all of it: real continuations, and beginnings of documents as prompts. */
import { createRandom } from "@dynamo/decode";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { documents } from "@dynamo/train/node";
import type { OpenPrompt } from "./prompts.js";

export interface RealText {
  /** The document's first words. */
  readonly context: string;
  readonly text: string;
}

export interface DrawOptions {
  /** At most; fewer where the file has fewer documents that are long enough. */
  readonly count: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface RealTextOptions extends DrawOptions {
  /** Words of a text. */
  readonly words: number;
}

/** Words at a document's beginning that stand for the prompt. */
const promptWords = 6;

/**
 * One from each of `count` documents (between <|endoftext|>, or .jsonl with {"text"}), in one
 * reading: so many words behind the document's first six. Throws `not-found` and `invalid-file`.
 */
export function readRealTexts(file: string, { words, ...options }: RealTextOptions): Promise<RealText[]> {
  const pick = (text: string): RealText | undefined => partsOf(text, promptWords, words);
  return draw(file, options, { pick, expected: `documents of ${promptWords + words} words or more` });
}

/** Documents begin alike: of the first six words of 633 stories there are 196 different ones, of the first ten 482. */
const beginningWords = 10;
/** Of a document that a text could follow. */
const leastWords = 14;

/** The first ten words of `count` documents, none twice: texts of one prompt and seed are the same. Throws `not-found` and `invalid-file`. */
export async function readBeginnings(file: string, options: DrawOptions): Promise<OpenPrompt[]> {
  const pick = (text: string, kept: readonly string[]): string | undefined => {
    const context = partsOf(text, beginningWords, leastWords - beginningWords)?.context;
    return context === undefined || kept.includes(context) ? undefined : context;
  };
  const expected = `documents of ${leastWords} words or more that begin differently`;
  const drawn = await draw(file, options, { pick, expected });
  return drawn.map((text, i) => ({ id: String(i + 1), type: "all", text, chat: false }));
}

interface Drawing<Item> {
  /** What is drawn of a document's text, given what is kept so far; undefined for nothing. */
  readonly pick: (text: string, kept: readonly Item[]) => Item | undefined;
  readonly expected: string;
}

async function draw<Item>(
  file: string,
  { count, seed, signal }: DrawOptions,
  { pick, expected }: Drawing<Item>,
): Promise<Item[]> {
  const random = createRandom(seed);
  const kept: Item[] = [];
  let [seen, begins] = [0, true];
  for await (const { text, last } of documents([file])) {
    throwIfAborted(signal);
    const own = begins ? pick(text, kept) : undefined;
    begins = last;
    if (own === undefined) continue;
    // Reservoir sampling: every document has the same chance.
    const place = seen++ < count ? kept.length : Math.floor(random() * seen);
    if (place < count) kept[place] = own;
  }
  if (kept.length < 2)
    throw new DynamoError("invalid-file", `${file}: expected two ${expected}, received ${kept.length}`);
  return kept;
}

/** So many words, and so many behind them, with their own spaces and line ends; undefined for a text of fewer. */
function partsOf(text: string, before: number, behind: number): RealText | undefined {
  const places = [...text.matchAll(/\S+/g)];
  if (places.length < before + behind) return undefined;
  const end = (place: number): number => (places[place]?.index ?? 0) + (places[place]?.[0].length ?? 0);
  const begin = end(before - 1);
  return { context: text.slice(places[0]?.index, begin), text: text.slice(begin, end(before + behind - 1)) };
}
