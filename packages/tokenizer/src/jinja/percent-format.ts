/** `"%s is %d" % (a, b)`. */
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import { bases, floatForm } from "./number-format.js";
import { repr, str } from "./print.js";
import { Dict, Tuple, Undefined, plain, present, typeName, type Value } from "./values.js";

const directive = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([^]?)/g;

/** Throws where Python does: too few or many values, a wrong type. */
export function percentFormat(pattern: string, values: Value, budget: Budget): string {
  const list = values instanceof Tuple ? values.items : [values];
  let [used, keyed] = [0, false];
  const next = (): Value =>
    used < list.length ? (list[used++] as Value) : fail("not enough arguments for format string");
  const size = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : text === "*" ? Number(next()) : Number(text);
  const result = pattern.replace(
    directive,
    (_, key: string | undefined, flags: string, width?: string, precision?: string, conversion?: string) => {
      const kind = conversion ?? "";
      if (kind === "%" && key === undefined) return "%";
      const columns = size(width) ?? 0;
      const digits = size(precision);
      const value = key === undefined ? next() : field(values, key);
      keyed ||= key !== undefined;
      budget.room(columns);
      return padded(converted(value, kind, flags, digits, budget), columns, flags);
    },
  );
  if (
    !keyed &&
    used < list.length &&
    ![Dict, Undefined].some((type) => values instanceof type) &&
    !Array.isArray(values)
  )
    fail("not all arguments converted during string formatting");
  return budget.text(result);
}

function field(values: Value, key: string): Value {
  if (!(values instanceof Dict)) return fail("format requires a mapping");
  return values.get(key) ?? fail(`there is no '${key}' to format`);
}

/** Sign or prefix, and digits or text. */
type Converted = readonly [sign: string, body: string, isNumber: boolean];

function converted(value: Value, kind: string, flags: string, digits: number | undefined, budget: Budget): Converted {
  if (kind === "s" || kind === "r" || kind === "a") {
    const text = kind === "s" ? str(value, budget) : repr(value, budget);
    return ["", digits === undefined ? text : Array.from(text).slice(0, digits).join(""), false];
  }
  if (kind === "c") {
    const character = plain(value);
    if (typeof character === "bigint" && character >= 0n && character < 0x110000n)
      return ["", String.fromCodePoint(Number(character)), false];
    return typeof character === "string" && Array.from(character).length === 1
      ? ["", character, false]
      : fail("%c requires int or char");
  }
  const number = numberOf(value, kind);
  const sign = number < 0 || Object.is(number, -0) ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const [radix, prefix] = bases[kind === "i" || kind === "u" ? "d" : kind] ?? [];
  if (typeof number === "bigint" && radix !== undefined && kind !== "b") {
    const magnitude = (number < 0n ? -number : number).toString(radix).padStart(digits ?? 0, "0");
    return [
      sign + (flags.includes("#") ? (prefix ?? "") : ""),
      kind === "X" ? magnitude.toUpperCase() : magnitude,
      true,
    ];
  }
  if (!"eEfFgG".includes(kind) || kind === "") fail(`unsupported format character '${kind}'`);
  return [sign, floatForm(Number(number), kind, digits ?? 6, flags.includes("#")), true];
}

function numberOf(value: Value, kind: string): bigint | number {
  const number = typeof value === "boolean" ? BigInt(value) : present(value);
  const isNumber = typeof number === "bigint" || typeof number === "number";
  if (!isNumber) return fail(`%${kind} format: a number is required, not ${typeName(value)}`);
  if (typeof number === "bigint" || "eEfFgG".includes(kind)) return number;
  if ("diu".includes(kind) && Number.isFinite(number)) return BigInt(Math.trunc(number));
  return fail(`%${kind} format: an integer is required, not float`);
}

function padded([sign, body, isNumber]: Converted, columns: number, flags: string): string {
  const missing = Math.max(0, columns - Array.from(sign + body).length);
  if (flags.includes("-")) return sign + body + " ".repeat(missing);
  if (flags.includes("0") && isNumber) return sign + "0".repeat(missing) + body;
  return " ".repeat(missing) + sign + body;
}
