/** How Python spells values: `str()`, `repr()` and `json.dumps()`. */
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import { floatText } from "./numbers.js";
import { compareText } from "./text.js";
import {
  Dict,
  Markup,
  Namespace,
  Range,
  Thing,
  Tuple,
  Undefined,
  View,
  plain,
  typeName,
  type Value,
} from "./values.js";

export function str(value: Value, budget: Budget): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  return value instanceof Undefined ? "" : repr(value, budget);
}

export function repr(value: Value, budget: Budget): string {
  budget.spend();
  const listed = (items: readonly Value[]): string => budget.text(items.map((item) => repr(item, budget)).join(", "));
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return floatText(value);
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `[${listed(value)}]`;
  if (value instanceof Tuple) return `(${listed(value.items)}${value.items.length === 1 ? "," : ""})`;
  if (value instanceof Dict) return dictText(value.entries(), budget);
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Markup) return `Markup(${quote(value.text)})`;
  if (value instanceof View) return `${value.type}([${listed(value.items)}])`;
  if (value instanceof Range)
    return `range(${value.start}, ${value.stop}${value.step === 1n ? "" : `, ${value.step}`})`;
  if (value instanceof Namespace) return `<Namespace ${dictText([...value.values], budget)}>`;
  return value instanceof Thing ? value.text : `<${value.type} object>`;
}

function dictText(entries: readonly (readonly [Value, Value])[], budget: Budget): string {
  const parts = entries.map(([key, value]) => `${repr(key, budget)}: ${repr(value, budget)}`);
  return budget.text(`{${parts.join(", ")}}`);
}

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
const unprintable = /[\p{C}\p{Z}\\]/gu;

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(unprintable, (character) => {
    if (character === " ") return character;
    const code = character.codePointAt(0) ?? 0;
    const hex = (width: number): string => code.toString(16).padStart(width, "0");
    return named[character] ?? (code < 0x100 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`);
  });
  return mark + (mark === "'" ? body.replaceAll("'", "\\'") : body) + mark;
}

export interface JsonForm {
  readonly ascii: boolean;
  /** Text of one level, or null for one line. */
  readonly indent: string | null;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sorted: boolean;
}

export function json(value: Value, form: JsonForm, budget: Budget, line = "\n"): string {
  budget.spend();
  const plainValue = plain(value);
  if (plainValue === null) return "null";
  if (typeof plainValue === "boolean" || typeof plainValue === "bigint") return String(plainValue);
  if (typeof plainValue === "number") return jsonFloat(plainValue);
  if (typeof plainValue === "string") return jsonText(plainValue, form.ascii);
  if (plainValue instanceof Dict) return jsonDict(plainValue, form, budget, line);
  if (Array.isArray(plainValue) || plainValue instanceof Tuple) {
    const items = Array.isArray(plainValue) ? plainValue : plainValue.items;
    const inner = form.indent === null ? line : line + form.indent;
    return bracketed(
      "[]",
      items.map((item) => json(item, form, budget, inner)),
      form,
      budget,
      line,
    );
  }
  return fail(`Object of type ${typeName(value)} is not JSON serializable`);
}

const jsonFloat = (value: number): string =>
  Number.isFinite(value) ? floatText(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

function jsonDict(dict: Dict, form: JsonForm, budget: Budget, line: string): string {
  const inner = form.indent === null ? line : line + form.indent;
  const entries = dict.entries().map(([key, value]) => [jsonKey(key), value] as const);
  if (form.sorted) entries.sort(([a], [b]) => compareText(a, b));
  const parts = entries.map(
    ([key, value]) => jsonText(key, form.ascii) + form.keySeparator + json(value, form, budget, inner),
  );
  return bracketed("{}", parts, form, budget, line);
}

function jsonKey(key: Value): string {
  const name = plain(key);
  if (typeof name === "string") return name;
  if (typeof name === "number") return jsonFloat(name);
  if (name === null || typeof name === "boolean" || typeof name === "bigint") return String(name);
  return fail(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function bracketed(brackets: string, parts: readonly string[], form: JsonForm, budget: Budget, line: string): string {
  const [open = "", close = ""] = brackets;
  if (parts.length === 0) return brackets;
  if (form.indent === null) return budget.text(open + parts.join(form.itemSeparator) + close);
  const inner = line + form.indent;
  return budget.text(open + inner + parts.join(form.itemSeparator + inner) + line + close);
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\b": "\\b",
};
// eslint-disable-next-line no-control-regex -- JSON escapes exactly these
const special = /["\\\u0000-\u001f]/g;
// eslint-disable-next-line no-control-regex -- and these, too, where only ASCII is wanted
const specialAscii = /["\\\u0000-\u001f\u007f-\uffff]/g;

function jsonText(text: string, ascii: boolean): string {
  const escaped = text.replace(
    ascii ? specialAscii : special,
    (character) => escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
