/** What a value must be, as a test and in words. Types are promises only where callers write plain JavaScript. */
import { describeValue } from "./describe-value.js";
import { DynamoError } from "./errors.js";

/** What a value must be: in words, and as a test. */
export interface ValueCheck<Value = unknown> {
  /** Completes "<name> must be …". */
  readonly expected: string;
  readonly accepts: (value: unknown) => value is Value;
}

/** A check in your own words. */
export function valueCheck<Value>(expected: string, accepts: (value: unknown) => boolean): ValueCheck<Value> {
  return { expected, accepts: accepts as ValueCheck<Value>["accepts"] };
}

/** A whole number from `least` to `most`; without `most`, as far as numbers are exact. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): ValueCheck<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return valueCheck(
    `a whole number ${range}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  );
}

/** A finite number from `least` to `most`. */
export function numberIn(least: number, most: number): ValueCheck<number> {
  return valueCheck(`a number from ${least} to ${most}`, (value) => isNumber(value) && value >= least && value <= most);
}

/** A finite number of at least `least`. */
export function numberFrom(least: number): ValueCheck<number> {
  return valueCheck(`a number of at least ${least}`, (value) => isNumber(value) && value >= least);
}

/** A finite number above `bound`, and at most `most`. */
export function numberAbove(bound: number, most = Infinity): ValueCheck<number> {
  const end = most === Infinity ? "" : `, at most ${most}`;
  return valueCheck(`a number above ${bound}${end}`, (value) => isNumber(value) && value > bound && value <= most);
}

/** One of these strings. */
export function oneOf<Value extends string>(...values: readonly Value[]): ValueCheck<Value> {
  const expected = `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  return valueCheck(expected, (value) => (values as readonly unknown[]).includes(value));
}

/** An array, each of whose elements passes. */
export function listOf<Value>(element: ValueCheck<Value>, expected: string): ValueCheck<readonly Value[]> {
  return valueCheck(expected, (value) => {
    if (!Array.isArray(value)) return false;
    // every() would pass over holes.
    for (let i = 0; i < value.length; i++) if (!element.accepts(value[i])) return false;
    return true;
  });
}

/** What one of the two accepts. */
export function either<A, B>(first: ValueCheck<A>, second: ValueCheck<B>): ValueCheck<A | B> {
  return valueCheck(
    `${first.expected}, or ${second.expected}`,
    (value) => first.accepts(value) || second.accepts(value),
  );
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** An object, not null, with functions of these names. */
export const hasMethods = (value: unknown, ...names: readonly string[]): boolean =>
  typeof value === "object" &&
  value !== null &&
  names.every((name) => typeof (value as Record<string, unknown>)[name] === "function");

/** Any finite number. */
export const finite: ValueCheck<number> = valueCheck("a finite number", isNumber);
/** An object that is no list, promise, map or instance of a class. */
export const plainObject: ValueCheck<object> = valueCheck("a plain object", (value) => isPlainObject(value));
/** True or false. */
export const flag: ValueCheck<boolean> = valueCheck("true or false", (value) => typeof value === "boolean");
/** A string, possibly empty. */
export const text: ValueCheck<string> = valueCheck("a string", (value) => typeof value === "string");
/** A string of at least one character. */
export const someText: ValueCheck<string> = valueCheck(
  "a string of at least one character",
  (value) => typeof value === "string" && value !== "",
);
/** A function: its arguments and result are its caller's. */
export const callback = <Callback extends (...given: never) => unknown>(): ValueCheck<Callback> =>
  valueCheck("a function", (value) => typeof value === "function");
/** An AbortSignal, of this realm or another. */
export const abortSignal: ValueCheck<AbortSignal> = valueCheck(
  "an AbortSignal",
  (value) => hasMethods(value, "addEventListener") && typeof (value as AbortSignal).aborted === "boolean",
);

/**
 * Of this realm or another. Maps, arrays, promises and instances of classes hold what looking for names would not find.
 */
export function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Throws `invalid-argument` unless the value passes: "<name> must be <expected>, received <value>". */
export function checkValue<Value>(
  name: string,
  value: unknown,
  { expected, accepts }: ValueCheck<Value>,
): asserts value is Value {
  if (passes(accepts, value)) return;
  throw new DynamoError("invalid-argument", `${name} must be ${expected}, received ${describeValue(value)}`);
}

/** A getter or a proxy may throw while it is looked at: then the value is none that passes. */
function passes(accepts: (value: unknown) => boolean, value: unknown): boolean {
  try {
    return accepts(value);
  } catch {
    return false;
  }
}

/** A path that the file system can be asked for. */
export const pathCheck: ValueCheck<string> = valueCheck(
  "a path",
  (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
);

/** The path of a folder. */
export const folderCheck: ValueCheck<string> = { ...pathCheck, expected: "a folder's path" };
