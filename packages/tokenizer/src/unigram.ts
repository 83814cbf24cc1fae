/** Unigram: of all ways to cut a word into tokens, the likeliest. */
import { DynamoError } from "@dynamo/core";
import { byteIds } from "./bpe.js";
import type { Model, Vocabulary } from "./model.js";
import type { Settings } from "./settings.js";

/** A character without a token costs this much more than the least likely token. */
const unknownPenalty = 10;

/** Throws `invalid-file` for an `unk_id` outside the vocabulary. */
export function unigram(
  settings: Settings,
  { idOf }: Vocabulary,
  entries: readonly (readonly [string, number])[],
): Model {
  const unknownId = settings.get("unk_id") ?? undefined;
  if (
    unknownId !== undefined &&
    !(Number.isInteger(unknownId) && (unknownId as number) >= 0 && (unknownId as number) < entries.length)
  )
    throw new DynamoError(
      "invalid-file",
      `tokenizer.json: ${settings.place}.unk_id: expected an id of the vocabulary, 0 to ${entries.length - 1}, received ${JSON.stringify(unknownId)}`,
    );
  const least = entries.reduce((lowest, [, score]) => Math.min(lowest, score), Infinity);
  const unknownScore = least - unknownPenalty;
  const bytesOf = settings.get("byte_fallback") === true ? byteIds(idOf) : () => undefined;
  const lengths = tokenLengths(entries);
  const missing = (): never => {
    throw new DynamoError(
      "invalid-file",
      `tokenizer.json: ${settings.place}.unk_id: the text has a character without a token, and the model has no unk_id`,
    );
  };

  function encode(word: string, push: (id: number) => void): void {
    const { starts, ids } = bestPath(word);
    const parts: (readonly [start: number, end: number])[] = [];
    let joins = false;
    for (let end = word.length; end > 0; end = starts[end] as number) {
      const unknown = ids[end] === unknownId;
      const last = unknown && joins ? parts.pop() : undefined;
      parts.push([starts[end] as number, last?.[1] ?? end]);
      joins = unknown;
    }
    for (const [start, end] of parts.reverse()) {
      const token = word.slice(start, end);
      const id = idOf(token);
      const found = id === undefined ? bytesOf(token) : [id];
      if (found === undefined) push((unknownId as number | undefined) ?? missing());
      else found.forEach(push);
    }
  }

  /** For every place where a token can end: where the best one begins, and its id. */
  function bestPath(word: string): { starts: Int32Array; ids: Int32Array } {
    const starts = new Int32Array(word.length + 1).fill(-1);
    const ids = new Int32Array(word.length + 1);
    const scores = new Float64Array(word.length + 1);
    const offer = (start: number, end: number, id: number, score: number): void => {
      const sum = score + (scores[start] as number);
      if (starts[end] !== -1 && sum <= (scores[end] as number)) return;
      starts[end] = start;
      ids[end] = id;
      scores[end] = sum;
    };
    for (let start = 0; start < word.length;) {
      const single = (word.codePointAt(start) as number) > 0xffff ? 2 : 1;
      let covered = false;
      for (const length of lengths(word, start)) {
        const id = start + length > word.length ? undefined : idOf(word.slice(start, start + length));
        if (id === undefined) continue;
        offer(start, start + length, id, (entries[id] as readonly [string, number])[1]);
        covered ||= length === single;
      }
      if (!covered) offer(start, start + single, (unknownId as number | undefined) ?? missing(), unknownScore);
      start += single;
    }
    return { starts, ids };
  }

  return { encode };
}

const none: readonly number[] = [];

/** The lengths that tokens have which begin with a place's character and the one behind it: few are tried in vain. */
function tokenLengths(
  entries: readonly (readonly [string, number])[],
): (text: string, at: number) => readonly number[] {
  const sets = new Map<string, Set<number>>();
  for (const [token] of entries) {
    if (token === "") continue;
    const key = token.slice(0, 2);
    const lengths = sets.get(key) ?? new Set();
    sets.set(key, lengths.add(token.length));
  }
  const lists = new Map(Array.from(sets, ([key, lengths]) => [key, [...lengths].sort((a, b) => a - b)]));
  return (text, at) => {
    const one = lists.get(text.slice(at, at + 1)) ?? none;
    const more = lists.get(text.slice(at, at + 2)) ?? none;
    return at + 1 === text.length || one.length === 0 ? more : [...one, ...more];
  };
}
