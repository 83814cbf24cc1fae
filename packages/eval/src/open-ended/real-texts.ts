/** Real continuations out of a text file, of the length of those that are compared with them. */
import { createRandom } from "@dynamo/decode";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { documents } from "@dynamo/train/node";

export interface RealText {
  /** The document's first words. */
  readonly context: string;
  readonly text: string;
}

export interface RealTextOptions {
  /** Texts at most; fewer where the file has fewer documents that are long enough. */
  readonly count: number;
  /** Words of a text. */
  readonly words: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Words at a document's beginning that stand for the prompt. */
const promptWords = 6;

/**
 * One from each of `count` documents (between <|endoftext|>, or .jsonl with {"text"}), drawn evenly from the whole file in one
 * reading: so many words behind the document's first six. Throws `not-found` and `invalid-file`.
 */
export async function readRealTexts(
  file: string,
  { count, words, seed, signal }: RealTextOptions,
): Promise<RealText[]> {
  const random = createRandom(seed);
  const kept: RealText[] = [];
  let [seen, begins] = [0, true];
  for await (const { text, last } of documents([file])) {
    throwIfAborted(signal);
    const own = begins ? continuationOf(text, words) : undefined;
    begins = last;
    if (own === undefined) continue;
    // Reservoir sampling: every document has the same chance.
    const place = seen++ < count ? kept.length : Math.floor(random() * seen);
    if (place < count) kept[place] = own;
  }
  if (kept.length < 2)
    throw new DynamoError(
      "invalid-file",
      `${file}: expected two documents of ${promptWords + words} words or more, received ${kept.length}`,
    );
  return kept;
}

/** With its own spaces and line ends. */
function continuationOf(text: string, words: number): RealText | undefined {
  const places = [...text.matchAll(/\S+/g)];
  if (places.length < promptWords + words) return undefined;
  const end = (place: number): number => (places[place]?.index ?? 0) + (places[place]?.[0].length ?? 0);
  const begin = end(promptWords - 1);
  return { context: text.slice(places[0]?.index, begin), text: text.slice(begin, end(promptWords + words - 1)) };
}
