/** Patterns of tokenizer.json: texts, and regular expressions in Oniguruma's syntax, which Rust's tokenizers run. */
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import { isObject } from "./files.js";
import type { Settings } from "./settings.js";

/** A pattern as stretches of a text: `[start, end, start, end, …]`, in order, without overlap; empty ones are possible. */
export type FindMatches = (text: string) => readonly number[];

export interface Pattern {
  readonly find: FindMatches;
  /** The text that is searched for; undefined for a regular expression. */
  readonly literal: string | undefined;
}

/** Reads `{ String }` or `{ Regex }` at the key `pattern`; throws `unsupported` for syntax that JavaScript has no form of. */
export function patternOf(settings: Settings): Pattern {
  const value = settings.get("pattern");
  const place = `${settings.place}.pattern`;
  if (isObject(value)) {
    const { String: literal, Regex: source } = value;
    if (typeof literal === "string") return { literal, find: (text) => findLiteral(text, literal) };
    if (typeof source === "string") {
      const regex = settings.expression(source, place);
      return { literal: undefined, find: (text) => findRegex(text, regex) };
    }
  }
  throw new DynamoError(
    "invalid-file",
    `tokenizer.json: ${place}: expected { String } or { Regex }, received ${describeValue(value)}`,
  );
}

/** The empty text is found between all characters. */
const nothing = /(?:)/gu;

function findLiteral(text: string, literal: string): number[] {
  if (literal === "") return findRegex(text, nothing);
  const found: number[] = [];
  for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length))
    found.push(at, at + literal.length);
  return found;
}

/** As Oniguruma's callers in Rust: an empty match directly behind the match before does not count. */
export function findRegex(text: string, regex: RegExp): number[] {
  const found: number[] = [];
  if (text === "") return found;
  let last = -1;
  regex.lastIndex = 0;
  for (let match = regex.exec(text); match !== null; match = regex.exec(text)) {
    const start = match.index;
    const end = start + match[0].length;
    if (end > start || start !== last) {
      found.push(start, end);
      last = end;
    }
    if (end === start) {
      if (end >= text.length) break;
      regex.lastIndex = end + ((text.codePointAt(end) as number) > 0xffff ? 2 : 1);
    }
  }
  return found;
}

/** The text with `content` in every match's place. */
export function replaceMatches(text: string, matches: readonly number[], content: string): string {
  if (matches.length === 0) return text;
  let replaced = "";
  let last = 0;
  for (let i = 0; i < matches.length; i += 2) {
    replaced += text.slice(last, matches[i]) + content;
    last = matches[i + 1] as number;
  }
  return replaced + text.slice(last);
}
