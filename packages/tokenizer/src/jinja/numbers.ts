/** Python's numbers as text, and text as numbers. */

/** Shortest digits that read back as the same float, in Python's form: 1.0, 1e+16, 1e-05, inf, nan. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (value === 0) return `${sign}0.0`;
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const power = Number(exponent);
  return sign + (power < -4 || power >= 16 ? scientific(digits, power) : positional(digits, power));
}

/** 1e-05 and 1.5e+16: at least two digits of the power of ten, with its sign. */
export function scientific(digits: string, power: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `${digits[0]}${fraction}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

function positional(digits: string, power: number): string {
  if (power < 0) return `0.${"0".repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, "0");
  return `${whole}.${digits.slice(power + 1) || "0"}`;
}

/** A float as an exact fraction: value = numerator / denominator. */
function exactly(value: number): { numerator: bigint; denominator: bigint } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = (bits & 0xfffffffffffffn) + (exponent === 0 ? 0n : 1n << 52n);
  const power = Math.max(exponent, 1) - 1075;
  const magnitude = value < 0 ? -fraction : fraction;
  return power >= 0
    ? { numerator: magnitude << BigInt(power), denominator: 1n }
    : { numerator: magnitude, denominator: 1n << BigInt(-power) };
}

/** `value × 10^digits` to the nearest integer, ties to the even one, without any rounding before it. */
export function scaledToInteger(value: number, digits: number): bigint {
  const { numerator, denominator } = exactly(value);
  const up = digits > 0 ? 10n ** BigInt(digits) : 1n;
  const down = digits < 0 ? 10n ** BigInt(-digits) : 1n;
  return nearest(numerator * up, denominator * down);
}

function nearest(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  let quotient = magnitude / denominator;
  const twice = (magnitude % denominator) * 2n;
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) quotient++;
  return negative ? -quotient : quotient;
}

/** As C's %.{digits}f of a finite number. */
export function fixedText(value: number, digits: number): string {
  const scaled = scaledToInteger(Math.abs(value), digits)
    .toString()
    .padStart(digits + 1, "0");
  const whole = scaled.slice(0, scaled.length - digits);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  return digits === 0 ? sign + whole : `${sign}${whole}.${scaled.slice(-digits)}`;
}

const integerForm = /^[+-]?\d+(?:_\d+)*$/;
const floatForm = /^[+-]?(?:(?:\d+(?:_\d+)*)?\.?\d+(?:_\d+)*|\d+(?:_\d+)*\.)(?:e[+-]?\d+(?:_\d+)*)?$/i;
/** Python reads no longer integers from text either. */
const maxDigits = 4300;
const prefixes: Readonly<Record<string, number>> = { "0x": 16, "0o": 8, "0b": 2 };

/** `int(text, base)`; undefined where Python raises. */
export function parseInteger(text: string, base = 10): bigint | undefined {
  const trimmed = text.trim();
  if (trimmed.length > maxDigits) return undefined;
  if (base === 10) return integerForm.test(trimmed) ? BigInt(trimmed.replace(/^\+|_/g, "")) : undefined;
  const sign = /^[+-]?/.exec(trimmed)?.[0] ?? "";
  let body = trimmed.slice(sign.length).toLowerCase();
  const prefix = prefixes[body.slice(0, 2)];
  if (prefix !== undefined && (base === prefix || base === 0)) body = body.slice(2);
  const radix = base === 0 ? (prefix ?? 10) : base;
  if (radix < 2 || radix > 36 || !/^[\da-z]+(?:_[\da-z]+)*$/.test(body)) return undefined;
  let value = 0n;
  for (const digit of body.replaceAll("_", "")) {
    const number = parseInt(digit, 36);
    if (number >= radix) return undefined;
    value = value * BigInt(radix) + BigInt(number);
  }
  return sign === "-" ? -value : value;
}

/** `float(text)`; undefined where Python raises. */
export function parseFloatText(text: string): number | undefined {
  const trimmed = text.trim();
  const named = /^([+-]?)(?:(inf(?:inity)?)|nan)$/i.exec(trimmed);
  if (named !== null) return named[2] === undefined ? NaN : named[1] === "-" ? -Infinity : Infinity;
  return trimmed.length <= maxDigits && floatForm.test(trimmed) ? Number(trimmed.replaceAll("_", "")) : undefined;
}
