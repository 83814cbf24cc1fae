/** `"{} is {name!r:>8}".format(…)`, in the sandbox: fields reach values as a template does, never a private attribute. */
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import { bases, floatForm } from "./number-format.js";
import { floatText } from "./numbers.js";
import { repr, str } from "./print.js";
import { lengthOf, points } from "./text.js";
import { plain, typeName, type Given, type Value } from "./values.js";

export interface Reach {
  readonly attribute: (value: Value, name: string) => Value;
  readonly item: (value: Value, index: Value) => Value;
}

const specification = /^(?:([^])?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u;

export function stringFormat(pattern: string, given: Given, reach: Reach, budget: Budget, depth = 0): string {
  if (depth > 1) fail("Max string recursion exceeded");
  let automatic = 0;
  const value = (name: string): Value => {
    const [, first = "", rest = ""] = /^([^.[]*)([^]*)$/.exec(name) ?? [];
    const place = first === "" ? automatic++ : /^\d+$/.test(first) ? Number(first) : undefined;
    const start = place === undefined ? given.named.get(first) : given.positional[place];
    return start === undefined ? fail(`there is no '${first}' to format`) : reached(start, rest, reach);
  };
  let [out, position] = ["", 0];
  while (position < pattern.length) {
    const open = pattern.slice(position).search(/[{}]/);
    if (open === -1) break;
    out += pattern.slice(position, position + open);
    position += open;
    if (pattern[position] === pattern[position + 1]) {
      out += pattern.charAt(position);
      position += 2;
      continue;
    }
    if (pattern[position] === "}") fail("Single '}' encountered in format string");
    const end = fieldEnd(pattern, position);
    const [, name = "", conversion, spec = ""] =
      /^([^!:]*)(?:!([^:]*))?(?::([^]*))?$/.exec(pattern.slice(position + 1, end)) ?? [];
    const found = converted(value(name), conversion, budget);
    const inner = { named: given.named, positional: given.positional.slice(automatic) };
    out = budget.text(
      out + formatted(found, spec.includes("{") ? stringFormat(spec, inner, reach, budget, depth + 1) : spec, budget),
    );
    position = end + 1;
  }
  return budget.text(out + pattern.slice(position));
}

function fieldEnd(pattern: string, open: number): number {
  let depth = 0;
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === "{") depth++;
    else if (pattern[i] === "}" && --depth === 0) return i;
  }
  return fail("expected '}' before end of string");
}

/** `.name[key]` behind a field's name. */
function reached(start: Value, path: string, reach: Reach): Value {
  let [value, rest] = [start, path];
  while (rest !== "") {
    const [whole, name, key] = /^(?:\.([^.[\]]+)|\[([^\]]+)\])/.exec(rest) ?? [];
    if (whole === undefined) return fail("Empty attribute in format string");
    value =
      name === undefined
        ? reach.item(value, /^\d+$/.test(key ?? "") ? BigInt(key ?? "") : (key ?? ""))
        : reach.attribute(value, name);
    rest = rest.slice(whole.length);
  }
  return value;
}

function converted(value: Value, conversion: string | undefined, budget: Budget): Value {
  if (conversion === undefined) return value;
  if (conversion === "s") return str(value, budget);
  return conversion === "r" ? repr(value, budget) : fail(`Unknown conversion specifier '${conversion}'`);
}

/** As Python's `format(value, specification)`. */
export function formatted(value: Value, spec: string, budget: Budget): string {
  const content = plain(value);
  if (spec === "") return str(content, budget);
  const parts = specification.exec(spec);
  if (parts === null) return fail(`Invalid format specifier '${spec}'`);
  const [, fill, align, sign, alternate, zero, width = "0", group, precision, kind] = parts;
  const columns = Number(width);
  budget.room(columns);
  const digits = precision === undefined ? undefined : Number(precision);
  if (typeof content === "string") {
    if (sign !== undefined || alternate !== undefined || group !== undefined || align === "=" || (kind ?? "s") !== "s")
      fail(`Invalid format specifier '${spec}' for a str`);
    const text = digits === undefined ? content : points(content).slice(0, digits).join("");
    return pad("", text, columns, align ?? "<", fill ?? (zero === undefined ? " " : "0"));
  }
  if (typeof content !== "bigint" && typeof content !== "number" && typeof content !== "boolean")
    return fail(`unsupported format string passed to ${typeName(value)}.__format__`);
  const number = typeof content === "boolean" ? BigInt(content) : content;
  const negative = number < 0 || Object.is(number, -0);
  const head = negative ? "-" : sign === undefined || sign === "-" ? "" : sign;
  const [prefix, body] = magnitude(number, kind, digits, alternate !== undefined);
  const grouped = group === undefined ? body : body.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, group);
  return pad(
    head + prefix,
    grouped,
    columns,
    align ?? (zero === undefined ? ">" : "="),
    fill ?? (zero === undefined ? " " : "0"),
  );
}

function magnitude(
  number: bigint | number,
  kind: string | undefined,
  digits: number | undefined,
  alternate: boolean,
): [string, string] {
  if (typeof number === "bigint" && (kind === undefined || kind === "n" || kind in bases)) {
    if (digits !== undefined) fail("Precision not allowed in integer format specifier");
    const [radix, prefix] = bases[kind ?? "d"] ?? [10, ""];
    const text = (number < 0n ? -number : number).toString(radix);
    return [alternate ? prefix : "", kind === "X" ? text.toUpperCase() : text];
  }
  const value = Number(number);
  if (kind === undefined) {
    if (digits === undefined) return ["", floatText(Math.abs(value))];
    const text = floatForm(value, "g", digits);
    return ["", /[.e]|inf|nan/.test(text) ? text : `${text}.0`];
  }
  if (kind === "%") return ["", `${floatForm(value * 100, "f", digits ?? 6)}%`];
  if (!"eEfFgG".includes(kind)) fail(`Unknown format code '${kind}'`);
  return ["", floatForm(value, kind, digits ?? 6, alternate)];
}

function pad(sign: string, body: string, columns: number, align: string, fill: string): string {
  const missing = Math.max(0, columns - lengthOf(sign + body));
  if (align === "<") return sign + body + fill.repeat(missing);
  if (align === ">") return fill.repeat(missing) + sign + body;
  if (align === "=") return sign + fill.repeat(missing) + body;
  const left = Math.floor(missing / 2);
  return fill.repeat(left) + sign + body + fill.repeat(missing - left);
}
