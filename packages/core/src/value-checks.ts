/** What a value must be, as a test and in words. Types are promises only where callers write plain JavaScript. */
import type { LanguageModel } from "./language-model.js";
import type { Strategy } from "./strategy.js";

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

/** A language model, as `loadModel` of @dynamo/model gives it. */
export const languageModel: ValueCheck<LanguageModel> = valueCheck(
  "a loaded model (what loadModel resolves to)",
  (value) => hasMethods(value, "createCache", "forward") && isModelInfo((value as LanguageModel).info),
);

/** A decoding strategy. */
export const strategy: ValueCheck<Strategy> = valueCheck(
  "a strategy such as dynamo(), an object { name, step }",
  (value) => hasMethods(value, "step") && typeof (value as Strategy).name === "string",
);

/**
 * Of this realm or another. Maps, arrays, promises and instances of classes hold what looking for names would not find.
 */
export function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isModelInfo(info: unknown): boolean {
  if (typeof info !== "object" || info === null) return false;
  const { vocabularySize, tokenHeads, contextLength, endOfTextIds, generation } = info as Record<string, unknown>;
  return (
    [vocabularySize, tokenHeads, contextLength].every(whole(1).accepts) &&
    Array.isArray(endOfTextIds) &&
    typeof generation === "object" &&
    generation !== null
  );
}
