/**
 * What people write is text, also where it spells a special token. Before a template renders messages, their texts get a mark
 * within each such spelling; encoding finds no token there, and takes the marks out before anything else looks at the text.
 */
import { DynamoError } from "@dynamo/core";
import { addedTokenFinder } from "./added-tokens.js";
import type { AddedToken } from "./files.js";

/** A value whose texts are marked as text. */
export interface Marked<T> {
  /** The same value, with marks in its texts. */
  readonly value: T;
  /** The mark, for `encode`, and to take out of what is shown; undefined where nothing had to be marked. */
  readonly mark: string | undefined;
}

/** Marks every text within a JSON value, keys included. */
export type MarkSpecial = <T>(value: T) => Marked<T>;

/** Characters that Unicode keeps free for a program's own use. */
const noncharacters = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i));

/** `spells`: whether a text with marks still becomes a special token, which only a normaliser can bring about. */
export function markerOf(special: readonly AddedToken[], spells: (text: string, mark: string) => boolean): MarkSpecial {
  const plain = special.map((token) => ({ ...token, singleWord: false, stripsLeft: false, stripsRight: false }));
  const find = addedTokenFinder(plain.map((token) => [token.content, token]));
  const bordersOf = borderFinder(special.map(({ content }) => content));

  /** Cuts each spelling, until there is none: they may overlap. */
  function cutSpellings(text: string, mark: string): string {
    const cuts: Cut[] = [];
    for (const { token, start, end } of find(text, () => false)) {
      // A token of a single character has no place within: two marks behind it say the same.
      const at = start + characterLength(text, start);
      const marks = at === end ? mark + mark : mark;
      if (token !== undefined && !(at === end && text.startsWith(marks, end))) cuts.push([at, marks]);
    }
    return cuts.length === 0 ? text : cutSpellings(insert(text, cuts), mark);
  }

  function markText(text: string, mark: string): string {
    const core = text.trim();
    const before = text.indexOf(core);
    // Templates trim texts: there, too, a text may end where its template goes on.
    const borders = [...bordersOf(text), ...bordersOf(core).map((at) => before + at)];
    const marked = cutSpellings(
      insert(
        text,
        [...new Set(borders)].map((at) => [at, mark]),
      ),
      mark,
    );
    if (!spells(marked, mark)) return marked;
    return text.slice(0, before) + Array.from(core).join(mark) + text.slice(before + core.length);
  }

  return (value) => {
    const texts = textsOf(value);
    const mark = noncharacters.find((each) => !Array.from(texts).some((text) => text.includes(each))) ?? "";
    const marked = new Map<string, string>();
    for (const text of texts) {
      const safe = markText(text, mark);
      if (safe !== text) marked.set(text, safe);
    }
    return marked.size === 0
      ? { value, mark: undefined }
      : { value: replaceTexts(value, marked) as typeof value, mark };
  };
}

const characterLength = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

/** A place, and what to put there. */
type Cut = readonly [at: number, marks: string];

function insert(text: string, cuts: readonly Cut[]): string {
  let [marked, last] = ["", 0];
  for (const [at, marks] of cuts.toSorted(([a], [b]) => a - b)) {
    marked += text.slice(last, at) + marks;
    last = at;
  }
  return marked + text.slice(last);
}

/** Where to cut a text that begins or ends with a part of a token: the template's own text might make it whole. */
function borderFinder(contents: readonly string[]): (text: string) => number[] {
  const longest = contents.reduce((most, { length }) => Math.max(most, length), 0);
  const [beginnings, ends] = [new Set<string>(), new Set<string>()];
  for (const content of contents)
    for (let length = 1; length < content.length; length++) {
      beginnings.add(content.slice(0, length));
      ends.add(content.slice(-length));
    }
  return (text) => {
    const cuts: number[] = [];
    for (let length = Math.min(longest - 1, text.length); length > 0; length--) {
      const start = text.length - length;
      if (beginnings.has(text.slice(start))) cuts.push(Math.min(text.length, start + characterLength(text, start)));
      if (ends.has(text.slice(0, length))) cuts.push(length - (isLow(text, length - 1) ? 2 : 1));
    }
    return cuts;
  };
}

const isLow = (text: string, at: number): boolean => /^[\uDC00-\uDFFF]/.test(text.charAt(at));

/** Deeper values than messages and JSON schemas are only there to overflow the stack. */
const deepest = 200;

/** Every text within a value, once: a conversation of ten thousand messages has few that differ. */
function textsOf(value: unknown, texts = new Set<string>(), depth = 0): Set<string> {
  if (depth > deepest)
    throw new DynamoError("invalid-argument", `expected messages of at most ${deepest} levels, received more`);
  if (typeof value === "string") return texts.add(value);
  if (typeof value !== "object" || value === null) return texts;
  if (Array.isArray(value)) for (const each of value) textsOf(each, texts, depth + 1);
  else
    for (const [key, each] of Object.entries(value)) {
      texts.add(key);
      textsOf(each, texts, depth + 1);
    }
  return texts;
}

function replaceTexts(value: unknown, texts: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") return texts.get(value) ?? value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each: unknown) => replaceTexts(each, texts));
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [texts.get(key) ?? key, replaceTexts(each, texts)]),
  );
}
