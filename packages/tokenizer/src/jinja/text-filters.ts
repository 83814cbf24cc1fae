/** Filters that make text or numbers of one value. */
import { bind, integerArgument, textArgument } from "./arguments.js";
import { TemplateError, fail } from "./errors.js";
import { escapeHtml } from "./escape.js";
import type { Filter, Machine } from "./machine.js";
import { parseFloatText, parseInteger, scaledToInteger } from "./numbers.js";
import { numeric } from "./operators.js";
import { percentFormat } from "./percent-format.js";
import { json, str } from "./print.js";
import { sizeOf } from "./sequence-filters.js";
import { capitalized, lines, padded, replaced, stripped } from "./string-methods.js";
import { lengthOf, points, substring } from "./text.js";
import { Dict, Markup, Tuple, Undefined, isTrue, plain, present, typeName, type Given, type Value } from "./values.js";

/** A filter of the value's text, without arguments. */
const ofText =
  (name: string, make: (text: string) => Value): Filter =>
  (input, given, { budget }) => {
    bind(name, given, []);
    const text = str(input, budget);
    budget.spend(text.length >>> 4);
    return make(text);
  };

const wordBeginning = /([-\s({[<]+)/u;

const titled = (text: string): string =>
  text
    .split(wordBeginning)
    .map((word) => {
      const [first = "", ...rest] = points(word);
      return first.toUpperCase() + rest.join("").toLowerCase();
    })
    .join("");

function toJson(input: Value, given: Given, { budget }: Machine): Value {
  const [ascii, indent, separators, sorted] = bind("tojson", given, [
    "ensure_ascii",
    "indent",
    "separators",
    "sort_keys",
  ]);
  const level =
    indent === undefined || indent === null
      ? null
      : typeof indent === "string"
        ? indent
        : " ".repeat(Math.min(1000, Math.max(0, integerArgument("tojson", indent, 0))));
  const pair = separators instanceof Tuple ? separators.items : Array.isArray(separators) ? separators : undefined;
  if (separators !== undefined && separators !== null && pair?.length !== 2)
    fail("tojson expected two separators: of items, and of a key and its value");
  const [itemSeparator, keySeparator] = (pair ?? [level === null ? ", " : ",", ": "]).map((part) =>
    textArgument("tojson", part),
  );
  const form = { ascii: isTrue(ascii ?? false), indent: level, sorted: isTrue(sorted ?? false) };
  return json(input, { ...form, itemSeparator: itemSeparator ?? "", keySeparator: keySeparator ?? "" }, budget);
}

function indented(input: Value, given: Given, { budget }: Machine): Value {
  const [width, first, blank] = bind("indent", given, ["width", "first", "blank"]);
  const indention =
    typeof width === "string" ? width : " ".repeat(Math.min(1000, Math.max(0, integerArgument("indent", width, 4))));
  const all = lines(`${textArgument("indent", input)}\n`);
  budget.room(all.length * indention.length);
  const rest = all.slice(1).map((line) => (line === "" && !isTrue(blank ?? false) ? line : indention + line));
  return budget.text((isTrue(first ?? false) ? indention : "") + [all[0] ?? "", ...rest].join("\n"));
}

function truncated(input: Value, given: Given, { budget }: Machine): Value {
  const [longest, killWords, end, leeway] = bind("truncate", given, ["length", "killwords", "end", "leeway"]);
  // A list that is short enough stays a list, as in Jinja2.
  const size = sizeOf(plain(input), budget);
  if (size !== undefined && size <= integerArgument("truncate", longest, 255) && typeof plain(input) !== "string")
    return input;
  const text = textArgument("truncate", input);
  const [length, ending] = [
    integerArgument("truncate", longest, 255),
    end === undefined ? "..." : textArgument("truncate", end),
  ];
  if (length < lengthOf(ending)) fail(`truncate expected a length of at least ${lengthOf(ending)}, received ${length}`);
  if (lengthOf(text) <= length + integerArgument("truncate", leeway === null ? undefined : leeway, 5)) return text;
  const kept = substring(text, 0, length - lengthOf(ending));
  const space = kept.lastIndexOf(" ");
  return (isTrue(killWords ?? false) || space === -1 ? kept : kept.slice(0, space)) + ending;
}

function toInteger(input: Value, given: Given): Value {
  const [otherwise = 0n, base] = bind("int", given, ["default", "base"]);
  const value = plain(present(input));
  const fromFloat = (number: number | undefined): Value =>
    number === undefined || !Number.isFinite(number) ? otherwise : BigInt(Math.trunc(number));
  if (typeof value === "string")
    return parseInteger(value, integerArgument("int", base, 10)) ?? fromFloat(parseFloatText(value));
  const number = numeric(value);
  return typeof number === "bigint" ? number : fromFloat(number);
}

function toFloat(input: Value, given: Given): Value {
  const [otherwise = 0] = bind("float", given, ["default"]);
  const value = plain(present(input));
  const number = typeof value === "string" ? parseFloatText(value) : numeric(value);
  return number === undefined ? otherwise : Number(number);
}

function rounded(input: Value, given: Given): Value {
  const [digits, how] = bind("round", given, ["precision", "method"]);
  const precision = integerArgument("round", digits, 0);
  if (Math.abs(precision) > 400) fail(`round expected a precision of at most 400, received ${precision}`);
  const value = numeric(present(input)) ?? fail(`round expected a number, received ${typeName(input)}`);
  const method = how === undefined ? "common" : textArgument("round", how);
  if (method === "common") {
    if (typeof value === "bigint" && precision >= 0) return value;
    if (typeof value === "number" && !Number.isFinite(value)) return value;
    const scaled = scaledToInteger(Number(value), precision);
    return typeof value === "bigint"
      ? scaled * 10n ** BigInt(-precision)
      : Number(`${scaled}e${-precision}`) || (value < 0 ? -0 : 0);
  }
  const up =
    method === "ceil" ? Math.ceil : method === "floor" ? Math.floor : fail("method must be common, ceil or floor");
  return up(Number(value) * 10 ** precision) / 10 ** precision;
}

function formattedBy(input: Value, { positional, named }: Given, { budget }: Machine): Value {
  if (positional.length > 0 && named.size > 0) fail("can't handle positional and keyword arguments at the same time");
  return percentFormat(str(input, budget), named.size > 0 ? new Dict(named) : new Tuple(positional), budget);
}

const missing =
  (name: string): Filter =>
  () => {
    throw new TemplateError("unsupported", `the filter '${name}' is not there for chat templates`);
  };

export const textFilters = new Map<string, Filter>([
  ["upper", ofText("upper", (text) => text.toUpperCase())],
  ["lower", ofText("lower", (text) => text.toLowerCase())],
  ["capitalize", ofText("capitalize", capitalized)],
  ["title", ofText("title", titled)],
  ["wordcount", ofText("wordcount", (text) => BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0))],
  [
    "string",
    (input, given, { budget }) => {
      bind("string", given, []);
      return input instanceof Markup ? input : str(input, budget);
    },
  ],
  ["safe", ofText("safe", (text) => new Markup(text))],
  ["escape", escape],
  ["e", escape],
  ["forceescape", ofText("forceescape", (text) => new Markup(escapeHtml(text)))],
  [
    "trim",
    (input, given, { budget }) => {
      const [characters] = bind("trim", given, ["chars"]);
      return stripped(
        str(input, budget),
        characters === undefined || characters === null ? undefined : textArgument("trim", characters),
        "both",
      );
    },
  ],
  [
    "center",
    (input, given, { budget }) =>
      padded(
        str(input, budget),
        integerArgument("center", bind("center", given, ["width"])[0], 80),
        "both",
        " ",
        budget,
      ),
  ],
  [
    "replace",
    (input, given, { budget }) => {
      const [old, by, count] = bind("replace", given, ["old", "new", "count"], 2);
      const most = integerArgument("replace", count === null ? undefined : count, -1);
      return replaced(str(input, budget), str(old ?? null, budget), str(by ?? null, budget), most, budget);
    },
  ],
  ["indent", indented],
  ["truncate", truncated],
  ["tojson", toJson],
  ["format", formattedBy],
  ["int", toInteger],
  ["float", toFloat],
  ["round", rounded],
  [
    "abs",
    (input, given) => {
      bind("abs", given, []);
      const value = numeric(present(input)) ?? fail(`bad operand type for abs(): '${typeName(input)}'`);
      return typeof value === "number" ? Math.abs(value) : value < 0n ? -value : value;
    },
  ],
  ["default", otherwise],
  ["d", otherwise],
  ...["filesizeformat", "pprint", "random", "striptags", "urlencode", "urlize", "wordwrap", "xmlattr"].map(
    (name) => [name, missing(name)] as const,
  ),
]);

function escape(input: Value, given: Given, { budget }: Machine): Value {
  bind("escape", given, []);
  return input instanceof Markup ? input : new Markup(budget.text(escapeHtml(str(input, budget))));
}

function otherwise(input: Value, given: Given): Value {
  const [value = "", whenFalse] = bind("default", given, ["default_value", "boolean"]);
  return input instanceof Undefined || (isTrue(whenFalse ?? false) && !isTrue(input)) ? value : input;
}
