/** The records of JSON files of any size: a list's elements, or one object a line; one record in memory at a time. */
import { stat } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { readUtf8 } from "../utf8.js";

export interface JsonRecord {
  readonly value: unknown;
  /** Where it stands, for messages: the file, the line where it begins, and its number. */
  readonly place: string;
  /** Bytes of all files read so far. */
  readonly bytesRead: number;
}

/** A conversation is held whole; the longest of public sets have some hundred thousand characters. */
const maxRecordCharacters = 2 ** 24;

/** Throws `invalid-file` with the place of what is not JSON, or no record. */
export async function* jsonRecords(files: readonly string[]): AsyncGenerator<JsonRecord> {
  let before = 0;
  for (const file of files) {
    const split = createSplitter(file);
    let bytesRead = before;
    for await (const chunk of readUtf8(file)) {
      bytesRead = before + chunk.bytesRead;
      for (const found of split.push(chunk.text)) yield { ...parse(found, file), bytesRead };
    }
    for (const found of split.end()) yield { ...parse(found, file), bytesRead };
    before += (await stat(file)).size;
  }
}

interface Found {
  readonly text: string;
  readonly line: number;
  readonly number: number;
}

interface Splitter {
  push(text: string): Found[];
  end(): Found[];
}

/** A file whose first character is a bracket is a list; in any other each line is a record. */
function createSplitter(file: string): Splitter {
  let chosen: Splitter | undefined;
  let line = 1;
  return {
    push(text) {
      if (chosen !== undefined) return chosen.push(text);
      const start = text.search(/\S/);
      line += newlines(start === -1 ? text : text.slice(0, start));
      if (start === -1) return [];
      const isList = text[start] === "[";
      chosen = isList ? listSplitter(file, line) : lineSplitter(file, line);
      return chosen.push(text.slice(isList ? start + 1 : start));
    },
    end: () => chosen?.end() ?? [],
  };
}

function lineSplitter(file: string, firstLine: number): Splitter {
  let held = "";
  let line = firstLine;
  let number = 0;
  const found = (text: string): Found[] => {
    const at = line++;
    return text.trim() === "" ? [] : [{ text, line: at, number: ++number }];
  };
  return {
    push(text) {
      const lines = (held + text).split("\n");
      held = lines.pop() ?? "";
      checkLength(held.length, `${file}:${line + lines.length}`);
      return lines.flatMap(found);
    },
    end: () => found(held),
  };
}

/** The characters that say where an element of a list ends. */
const structural = /["\\[\]{},\n]/g;

/** Follows strings and brackets: what stands between two commas of the outermost list is an element, JSON or not. */
function listSplitter(file: string, firstLine: number): Splitter {
  let held = "";
  let [line, startLine, number, depth] = [firstLine, firstLine, 0, 0];
  let [inString, escapeOpen, ended] = [false, false, false];
  function element(text: string): Found[] {
    const begins = startLine + newlines(/^\s*/.exec(text)?.[0] ?? "");
    startLine = line;
    held = "";
    return text.trim() === "" ? [] : [{ text, line: begins, number: ++number }];
  }
  /** Whether the element ends with this character. */
  function ends(character: string): boolean {
    if (character === '"') inString = !inString;
    if (inString || character === '"') return false;
    if (character === "{" || character === "[") depth++;
    if (depth === 0 && (character === "," || character === "]")) {
      ended = character === "]";
      return true;
    }
    if (character === "}" || character === "]") depth--;
    return false;
  }
  function cut(text: string): Found[] {
    const found: Found[] = [];
    let from = 0;
    let escaped = escapeOpen ? 0 : -1;
    for (const { 0: character, index } of text.matchAll(structural)) {
      if (ended) break;
      if (index === escaped) continue;
      if (character === "\n") line++;
      else if (character === "\\") escaped = inString ? index + 1 : escaped;
      else if (ends(character)) {
        found.push(...element(held + text.slice(from, index)));
        from = index + 1;
      }
    }
    escapeOpen = escaped === text.length;
    held += text.slice(from);
    checkLength(held.length, `${file}:${startLine} (record ${number + 1})`);
    return found;
  }
  return {
    push: cut,
    end() {
      if (ended && held.trim() === "") return [];
      const what = ended ? "expected nothing after the list" : "the list does not end: expected ]";
      throw new DynamoError("invalid-file", `${file}:${startLine} (record ${number + 1}): ${what}`);
    },
  };
}

const newlines = (text: string): number => text.split("\n").length - 1;

function checkLength(length: number, place: string): void {
  if (length <= maxRecordCharacters) return;
  throw new DynamoError("invalid-file", `${place}: expected a record of at most ${maxRecordCharacters} characters`);
}

function parse({ text, line, number }: Found, file: string): { value: unknown; place: string } {
  const place = `${file}:${line} (record ${number})`;
  try {
    return { value: JSON.parse(text), place };
  } catch (cause) {
    throw new DynamoError("invalid-file", `${place} is not JSON`, { cause });
  }
}
