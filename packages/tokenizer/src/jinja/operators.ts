/** Arithmetic, equality, order and membership, as Python has them. */
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import { escapeHtml } from "./escape.js";
import { percentFormat } from "./percent-format.js";
import { compareText } from "./text.js";
import type { BinaryOperator } from "./syntax.js";
import { Dict, Markup, Range, Stream, Tuple, Undefined, View, plain, present, typeName, type Value } from "./values.js";

/** Bits of the largest integer that a template may make. */
const maxBits = 2 ** 14;

export type Numeric = bigint | number;

/** The number that a value is in arithmetic: True is 1. */
export function numeric(value: Value): Numeric | undefined {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return typeof value === "bigint" || typeof value === "number" ? value : undefined;
}

export function binary(operator: BinaryOperator, left: Value, right: Value, budget: Budget): Value {
  present(left);
  const pattern = operator === "%" ? textOf(left) : undefined;
  if (pattern !== undefined) return percentFormat(pattern, right, budget);
  present(right);
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return arithmetic(operator, a, b);
  const value =
    operator === "+"
      ? joined(left, right, budget)
      : operator === "*"
        ? (repeated(left, b, budget) ?? repeated(right, a, budget))
        : undefined;
  return value ?? fail(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

const textOf = (value: Value): string | undefined => {
  const text = plain(value);
  return typeof text === "string" ? text : undefined;
};

function joined(left: Value, right: Value, budget: Budget): Value | undefined {
  const [a, b] = [textOf(left), textOf(right)];
  if (a !== undefined && b !== undefined) {
    const [marked, other] = [left instanceof Markup, right instanceof Markup];
    if (!marked && !other) return budget.text(a + b);
    return new Markup(budget.text((marked ? a : escapeHtml(a)) + (other ? b : escapeHtml(b))));
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    budget.spend(left.length + right.length);
    budget.room(left.length + right.length);
    return [...left, ...right];
  }
  if (!(left instanceof Tuple && right instanceof Tuple)) return undefined;
  budget.spend(left.items.length + right.items.length);
  return new Tuple([...left.items, ...right.items]);
}

function repeated(value: Value, times: Numeric | undefined, budget: Budget): Value | undefined {
  if (typeof times !== "bigint") return undefined;
  const count = times < 0n ? 0 : Number(times);
  const items = value instanceof Tuple ? value.items : value;
  if (typeof items === "string") {
    budget.room(items.length * count);
    return items === "" ? "" : items.repeat(count);
  }
  if (!Array.isArray(items)) return undefined;
  budget.room(items.length * count);
  budget.spend(items.length * count);
  const all = items.length === 0 ? [] : Array.from({ length: count }, () => items as readonly Value[]).flat();
  return value instanceof Tuple ? new Tuple(all) : all;
}

function arithmetic(operator: BinaryOperator, a: Numeric, b: Numeric): Numeric {
  if ((operator === "/" || operator === "//" || operator === "%") && Number(b) === 0) fail("division by zero");
  if (typeof a === "bigint" && typeof b === "bigint") return integers(operator, a, b);
  return floats(operator, Number(a), Number(b));
}

const bits = (value: bigint): number => value.toString(16).length * 4;

function bounded(size: number): void {
  if (size > maxBits) fail(`expected integers of at most ${maxBits} bits`);
}

function integers(operator: BinaryOperator, a: bigint, b: bigint): Numeric {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      bounded(bits(a) + bits(b));
      return a * b;
    case "/":
      return Number(a) / Number(b);
    case "//":
      return (a - modulo(a, b)) / b;
    case "%":
      return modulo(a, b);
    case "**":
      if (b < 0n) return floats("**", Number(a), Number(b));
      if (a !== 0n && a !== 1n && a !== -1n) bounded(bits(a) * Number(b));
      return a === -1n ? (b % 2n === 0n ? 1n : -1n) : a ** (a === 0n || a === 1n ? (b > 0n ? 1n : 0n) : b);
  }
}

/** Python's remainder has the sign of the divisor. */
function modulo(a: bigint, b: bigint): bigint {
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

function floats(operator: BinaryOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "//":
      return Math.floor((a - floatModulo(a, b)) / b);
    case "%":
      return floatModulo(a, b);
    case "**": {
      if (a === 0 && b < 0) fail("0.0 cannot be raised to a negative power");
      const power = a ** b;
      if (!Number.isFinite(power) && Number.isFinite(a) && Number.isFinite(b)) fail("the power is no float");
      return a === 1 ? 1 : power;
    }
  }
}

function floatModulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

/** Elements of lists, tuples, ranges and views; of nothing else. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple || value instanceof Range || value instanceof View ? value.items : undefined;
}

export function equal(left: Value, right: Value, budget: Budget): boolean {
  budget.spend();
  const [a, b] = [plain(left), plain(right)];
  const [x, y] = [numeric(a), numeric(b)];
  // eslint-disable-next-line eqeqeq -- an int equals the float of the same value, to the last bit
  if (x !== undefined && y !== undefined) return x == y;
  if (a === b) return true;
  if (a instanceof Undefined) return b instanceof Undefined;
  if (a instanceof Dict && b instanceof Dict)
    return (
      a.size === b.size &&
      a.entries().every(([key, value]) => {
        const other = b.get(key);
        return other !== undefined && equal(value, other, budget);
      })
    );
  if (typeName(a) !== typeName(b)) return false;
  const [one, two] = [itemsOf(a), itemsOf(b)];
  return (
    one !== undefined &&
    two !== undefined &&
    !(a instanceof View && a.type === "dict_values") &&
    one.length === two.length &&
    one.every((item, i) => equal(item, two[i] as Value, budget))
  );
}

/** Below, at or above 0; NaN where there is no order between two numbers. Throws where Python has none. */
export function compare(left: Value, right: Value, budget: Budget): number {
  budget.spend();
  const [a, b] = [plain(present(left)), plain(present(right))];
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : Number.isNaN(x) || Number.isNaN(y) ? NaN : 0;
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  const [one, two] = [itemsOf(a), itemsOf(b)];
  const lists = (Array.isArray(a) && Array.isArray(b)) || (a instanceof Tuple && b instanceof Tuple);
  if (!lists || one === undefined || two === undefined)
    return fail(`'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
  const different = one.findIndex((item, i) => i >= two.length || !equal(item, two[i] as Value, budget));
  if (different === -1) return one.length - two.length;
  return different >= two.length ? 1 : compare(one[different] as Value, two[different] as Value, budget);
}

/** `item in container`. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  const where = plain(container);
  if (typeof where === "string") {
    const part = plain(item);
    if (typeof part !== "string") return fail(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    budget.spend(where.length >>> 6);
    return where.includes(part);
  }
  if (where instanceof Undefined) return false;
  if (where instanceof Dict) return where.has(item);
  const items = where instanceof Stream ? where.rest() : itemsOf(where);
  if (items === undefined) return fail(`argument of type '${typeName(container)}' is not iterable`);
  return items.some((other) => equal(item, other, budget));
}
