/** Numbers as `%` and `format` write them: precision, exponents, bases. */
import { fail } from "./errors.js";
import { fixedText, floatText, scaledToInteger, scientific } from "./numbers.js";

/** Python allows more; no prompt needs it. */
const maxPrecision = 1000;

export const bases: Readonly<Record<string, readonly [radix: number, prefix: string]>> = {
  d: [10, ""],
  x: [16, "0x"],
  X: [16, "0X"],
  o: [8, "0o"],
  b: [2, "0b"],
};

/** A finite or other float without its sign, in form e, f or g (upper case for upper-case letters). `alternate` keeps g's zeros. */
export function floatForm(value: number, kind: string, precision: number, alternate = false): string {
  if (precision > maxPrecision) fail(`expected a precision of at most ${maxPrecision}, received ${precision}`);
  const magnitude = Math.abs(value);
  const lower = kind.toLowerCase();
  const text = !Number.isFinite(magnitude)
    ? floatText(magnitude)
    : lower === "f"
      ? fixedText(magnitude, precision)
      : lower === "e"
        ? exponential(magnitude, precision)
        : general(magnitude, precision, alternate);
  return kind === lower ? text : text.toUpperCase();
}

/** Digits and power of ten of a float, rounded to `count` digits. */
function rounded(value: number, count: number): { digits: string; power: number } {
  if (value === 0) return { digits: "0".repeat(count), power: 0 };
  let power = Number(value.toExponential().split("e")[1]);
  let digits = scaledToInteger(value, count - 1 - power).toString();
  // Rounding up to the next power of ten.
  if (digits.length > count) [digits, power] = [digits.slice(0, count), power + 1];
  return { digits, power };
}

function exponential(value: number, precision: number): string {
  const { digits, power } = rounded(value, precision + 1);
  return scientific(digits, power);
}

function general(value: number, precision: number, alternate: boolean): string {
  const count = Math.max(1, precision);
  const { digits, power } = rounded(value, count);
  const kept = alternate ? digits : digits.replace(/(?<=.)0+$/, "");
  if (power < -4 || power >= count) return scientific(kept, power);
  if (power < 0) return `0.${"0".repeat(-power - 1)}${kept}`;
  const fraction = kept.slice(power + 1);
  return kept.slice(0, power + 1).padEnd(power + 1, "0") + (fraction === "" ? "" : `.${fraction}`);
}
