/** The methods of Python's str. */
import { bind, integerArgument, textArgument } from "./arguments.js";
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import { itemsOf } from "./operators.js";
import { stringFormat, type Reach } from "./string-format.js";
import { lengthOf, points, sliceIndices, substring } from "./text.js";
import { Dict, Stream, Tuple, plain, typeName, type Given, type Value } from "./values.js";
import { endOf, isSpace, startOf } from "./whitespace.js";

export interface Surroundings {
  readonly budget: Budget;
  readonly reach: Reach;
}

type Method = (self: string, given: Given, surroundings: Surroundings) => Value;

/** Without arguments. */
const simple =
  (name: string, make: (self: string) => Value): Method =>
  (self, given) => {
    bind(name, given, []);
    return make(self);
  };

/** Characters to strip, from either end; Python's whitespace without any. */
export function stripped(self: string, characters: string | undefined, ends: "both" | "start" | "end"): string {
  const set = characters === undefined ? undefined : new Set(points(characters));
  if (set === undefined) {
    const start = ends === "end" ? 0 : startOf(self);
    return self.slice(start, ends === "start" ? self.length : Math.max(start, endOf(self)));
  }
  const all = points(self);
  let [start, end] = [0, all.length];
  if (ends !== "end") while (start < end && set.has(all[start] as string)) start++;
  if (ends !== "start") while (end > start && set.has(all[end - 1] as string)) end--;
  return all.slice(start, end).join("");
}

const stripping =
  (name: string, ends: "both" | "start" | "end"): Method =>
  (self, given) => {
    const [characters] = bind(name, given, ["chars"]);
    return stripped(
      self,
      characters === undefined || characters === null ? undefined : textArgument(name, characters),
      ends,
    );
  };

/** The texts that `startswith` and `endswith` try: one or a tuple of them. */
const tried = (name: string, value: Value | undefined): string[] =>
  value instanceof Tuple ? value.items.map((item) => textArgument(name, item)) : [textArgument(name, value)];

/** The part of the text between the code points `start` and `stop`, as slices count them, and where it begins. */
function window(
  self: string,
  start: Value | undefined,
  stop: Value | undefined,
): { part: string; offset: number } | undefined {
  const length = lengthOf(self);
  const bound = (value: Value | undefined): bigint | null =>
    value === undefined || value === null
      ? null
      : typeof value === "bigint"
        ? value
        : fail("slice indices must be integers");
  const [from, to] = [bound(start), bound(stop)];
  if (from !== null && from > BigInt(length)) return undefined;
  const indices = sliceIndices({ start: from, stop: to, step: null }, length);
  const offset = from === null ? 0 : Math.max(0, Number(from < 0n ? from + BigInt(length) : from));
  return { part: substring(self, offset, offset + indices.length), offset };
}

const affix =
  (name: "startswith" | "endswith"): Method =>
  (self, given) => {
    const [texts, start, stop] = bind(name, given, ["prefix", "start", "end"], 1);
    const inside = window(self, start, stop);
    return tried(name, texts).some((text) =>
      name === "startswith" ? (inside?.part.startsWith(text) ?? false) : (inside?.part.endsWith(text) ?? false),
    );
  };

const finding =
  (name: string, last: boolean, raises: boolean): Method =>
  (self, given) => {
    const [text, start, stop] = bind(name, given, ["sub", "start", "end"], 1);
    const sought = textArgument(name, text);
    const inside = window(self, start, stop);
    const at = inside === undefined ? -1 : last ? inside.part.lastIndexOf(sought) : inside.part.indexOf(sought);
    if (inside === undefined || at === -1) return raises ? fail("substring not found") : -1n;
    return BigInt(inside.offset + lengthOf(inside.part.slice(0, at)));
  };

function countOf(self: string, sought: string): number {
  if (sought === "") return lengthOf(self) + 1;
  return self.split(sought).length - 1;
}

function splitOnSpaces(self: string, most: number, fromEnd: boolean): string[] {
  const words: string[] = [];
  if (fromEnd) {
    let end = endOf(self);
    while (end > 0 && words.length < most) {
      let start = end;
      while (start > 0 && !isSpace(self[start - 1] as string)) start--;
      words.unshift(self.slice(start, end));
      end = endOf(self, start);
    }
    return end > 0 ? [self.slice(0, end), ...words] : words;
  }
  let start = startOf(self);
  while (start < self.length && words.length < most) {
    let end = start;
    while (end < self.length && !isSpace(self[end] as string)) end++;
    words.push(self.slice(start, end));
    start = startOf(self, end);
  }
  return start < self.length ? [...words, self.slice(start)] : words;
}

function splitOn(self: string, separator: string, most: number, fromEnd: boolean): string[] {
  if (separator === "") fail("empty separator");
  const parts = self.split(separator);
  if (parts.length - 1 <= most) return parts;
  return fromEnd
    ? [parts.slice(0, parts.length - most).join(separator), ...parts.slice(parts.length - most)]
    : [...parts.slice(0, most), parts.slice(most).join(separator)];
}

const splitting =
  (name: string, fromEnd: boolean): Method =>
  (self, given, { budget }) => {
    const [separator, limit] = bind(name, given, ["sep", "maxsplit"]);
    const count = integerArgument(name, limit, -1);
    const most = count < 0 ? Infinity : count;
    const parts =
      separator === undefined || separator === null
        ? splitOnSpaces(self, most, fromEnd)
        : splitOn(self, textArgument(name, separator), most, fromEnd);
    budget.spend(parts.length);
    return parts;
  };

const partitioning =
  (name: string, last: boolean): Method =>
  (self, given) => {
    const separator = textArgument(name, bind(name, given, ["sep"], 1)[0]);
    if (separator === "") fail("empty separator");
    const at = last ? self.lastIndexOf(separator) : self.indexOf(separator);
    if (at === -1) return new Tuple(last ? ["", "", self] : [self, "", ""]);
    return new Tuple([self.slice(0, at), separator, self.slice(at + separator.length)]);
  };

const padding =
  (name: string, place: "left" | "right" | "both"): Method =>
  (self, given, { budget }) => {
    const [width, fillCharacter] = bind(name, given, ["width", "fillchar"], 1);
    return padded(
      self,
      integerArgument(name, width, 0),
      place,
      fillCharacter === undefined ? " " : textArgument(name, fillCharacter),
      budget,
    );
  };

/** Fills up to `width` code points; `both` puts the odd one where Python does. */
export function padded(
  self: string,
  width: number,
  place: "left" | "right" | "both",
  fillCharacter: string,
  budget: Budget,
): string {
  if (lengthOf(fillCharacter) !== 1) fail("The fill character must be exactly one character long");
  const missing = Math.max(0, width - lengthOf(self));
  budget.room(missing);
  const left = place === "left" ? missing : place === "right" ? 0 : Math.floor(missing / 2) + (missing & width & 1);
  return fillCharacter.repeat(left) + self + fillCharacter.repeat(missing - left);
}

/** Replaces the first `most` occurrences. */
export function replaced(self: string, old: string, by: string, most: number, budget: Budget): string {
  const count = Math.min(most < 0 ? Infinity : most, countOf(self, old));
  budget.room(self.length + count * by.length);
  if (old === "") {
    const all = points(self);
    const pieces = all.map((character, i) => (i < count ? by : "") + character);
    return pieces.join("") + (count > all.length ? by : "");
  }
  return splitOn(self, old, count, false).join(by);
}

// eslint-disable-next-line no-control-regex -- Python ends lines at these, too
const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

export function lines(self: string, keepEnds = false): string[] {
  const found: string[] = [];
  let start = 0;
  for (const end of self.matchAll(lineEnd)) {
    found.push(self.slice(start, end.index + (keepEnds ? end[0].length : 0)));
    start = end.index + end[0].length;
  }
  return start < self.length ? [...found, self.slice(start)] : found;
}

export const capitalized = (self: string): string => {
  const [first = "", ...rest] = points(self);
  return titleCase(first) + rest.join("").toLowerCase();
};

/** The title case of one character: Unicode's differs from upper case for some digraphs. */
function titleCase(character: string): string {
  const upper = character.toUpperCase();
  const [first = "", ...rest] = points(upper);
  return rest.length > 0 ? first + rest.join("").toLowerCase() : upper;
}

const cased = /[\p{Lu}\p{Ll}\p{Lt}]/u;

function titled(self: string): string {
  let inside = false;
  return points(self)
    .map((character) => {
      const made = inside ? character.toLowerCase() : titleCase(character);
      inside = cased.test(character);
      return made;
    })
    .join("");
}

const all =
  (pattern: RegExp) =>
  (self: string): boolean =>
    self !== "" && pattern.test(self);

function joined(self: string, given: Given, { budget }: Surroundings): Value {
  const [list] = bind("join", given, ["iterable"], 1);
  const value = plain(list ?? null);
  const items =
    typeof value === "string"
      ? points(value)
      : value instanceof Stream
        ? value.rest()
        : value instanceof Dict
          ? value.keys()
          : (itemsOf(value) ?? fail(`can only join an iterable, not ${typeName(value)}`));
  budget.spend(items.length);
  const texts = items.map((item, i) => {
    const text = plain(item);
    return typeof text === "string" ? text : fail(`sequence item ${i}: expected str instance, ${typeName(text)} found`);
  });
  return budget.text(texts.join(self));
}

export const stringMethods = new Map<string, Method>([
  ["upper", simple("upper", (self) => self.toUpperCase())],
  ["lower", simple("lower", (self) => self.toLowerCase())],
  ["capitalize", simple("capitalize", capitalized)],
  ["title", simple("title", titled)],
  [
    "swapcase",
    simple("swapcase", (self) =>
      points(self)
        .map((c) => (/\p{Lu}/u.test(c) ? c.toLowerCase() : c.toUpperCase()))
        .join(""),
    ),
  ],
  ["strip", stripping("strip", "both")],
  ["lstrip", stripping("lstrip", "start")],
  ["rstrip", stripping("rstrip", "end")],
  ["startswith", affix("startswith")],
  ["endswith", affix("endswith")],
  ["find", finding("find", false, false)],
  ["rfind", finding("rfind", true, false)],
  ["index", finding("index", false, true)],
  ["rindex", finding("rindex", true, true)],
  [
    "count",
    (self, given) => {
      const [text, start, stop] = bind("count", given, ["sub", "start", "end"], 1);
      const inside = window(self, start, stop);
      return inside === undefined ? 0n : BigInt(countOf(inside.part, textArgument("count", text)));
    },
  ],
  ["split", splitting("split", false)],
  ["rsplit", splitting("rsplit", true)],
  ["splitlines", (self, given) => lines(self, bind("splitlines", given, ["keepends"])[0] === true)],
  ["partition", partitioning("partition", false)],
  ["rpartition", partitioning("rpartition", true)],
  [
    "replace",
    (self, given, { budget }) => {
      const [old, by, count] = bind("replace", given, ["old", "new", "count"], 2);
      return replaced(
        self,
        textArgument("replace", old),
        textArgument("replace", by),
        integerArgument("replace", count, -1),
        budget,
      );
    },
  ],
  [
    "removeprefix",
    (self, given) => {
      const prefix = textArgument("removeprefix", bind("removeprefix", given, ["prefix"], 1)[0]);
      return self.startsWith(prefix) ? self.slice(prefix.length) : self;
    },
  ],
  [
    "removesuffix",
    (self, given) => {
      const suffix = textArgument("removesuffix", bind("removesuffix", given, ["suffix"], 1)[0]);
      return suffix !== "" && self.endsWith(suffix) ? self.slice(0, -suffix.length) : self;
    },
  ],
  ["join", joined],
  ["center", padding("center", "both")],
  ["ljust", padding("ljust", "right")],
  ["rjust", padding("rjust", "left")],
  [
    "zfill",
    (self, given, { budget }) => {
      const width = integerArgument("zfill", bind("zfill", given, ["width"], 1)[0], 0);
      const sign = /^[+-]/.exec(self)?.[0] ?? "";
      return sign + padded(self.slice(sign.length), width - sign.length, "left", "0", budget);
    },
  ],
  [
    "expandtabs",
    (self, given, { budget }) =>
      expanded(self, integerArgument("expandtabs", bind("expandtabs", given, ["tabsize"])[0], 8), budget),
  ],
  ["format", (self, given, { reach, budget }) => stringFormat(self, given, reach, budget)],
  [
    "format_map",
    (self, given, { reach, budget }) => {
      const [values] = bind("format_map", given, ["mapping"], 1);
      if (!(values instanceof Dict)) return fail("format_map expected a dict");
      const named = new Map(
        values.entries().map(([key, value]) => [typeof key === "string" ? key : "", value] as const),
      );
      return stringFormat(self, { positional: [], named }, reach, budget);
    },
  ],
  ["isalpha", simple("isalpha", all(/^\p{L}+$/u))],
  ["isdigit", simple("isdigit", all(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u))],
  ["isdecimal", simple("isdecimal", all(/^\p{Nd}+$/u))],
  ["isnumeric", simple("isnumeric", all(/^\p{N}+$/u))],
  ["isalnum", simple("isalnum", all(/^[\p{L}\p{N}]+$/u))],
  ["isascii", simple("isascii", (self) => points(self).every((character) => character < "\u0080"))],
  ["isspace", simple("isspace", (self) => self !== "" && startOf(self) === self.length)],
  ["isupper", simple("isupper", (self) => self === self.toUpperCase() && cased.test(self))],
  ["islower", simple("islower", (self) => self === self.toLowerCase() && cased.test(self))],
  ["istitle", simple("istitle", (self) => self === titled(self) && cased.test(self))],
  ["isidentifier", simple("isidentifier", all(/^[\p{ID_Start}_][\p{ID_Continue}]*$/u))],
]);

function expanded(self: string, size: number, budget: Budget): string {
  let column = 0;
  budget.room(self.length + countOf(self, "\t") * Math.max(0, size));
  return points(self)
    .map((character) => {
      if (character === "\n" || character === "\r") column = 0;
      else if (character !== "\t") column++;
      else {
        const fill = size > 0 ? size - (column % size) : 0;
        column += fill;
        return " ".repeat(fill);
      }
      return character;
    })
    .join("");
}
