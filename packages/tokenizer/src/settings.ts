/** Reads the settings of tokenizer.json's components, which come from outside: every refusal names its place. */
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import { isObject, type Json } from "./files.js";

/** One component's settings, for example a pre-tokeniser's, and where they stand in the file. */
export interface Settings {
  readonly place: string;
  readonly type: string;
  text(key: string, fallback?: string): string;
  /** A single character, as a code point's text. */
  character(key: string, fallback?: string): string;
  flag(key: string, fallback?: boolean): boolean;
  /** A whole number of at least `least`. */
  whole(key: string, least: number, fallback?: number): number;
  oneOf<const T extends string>(key: string, allowed: readonly T[], fallback?: T): T;
  /** Components within this one. */
  list(key: string): readonly Settings[];
  /** A regular expression in Oniguruma's syntax. Throws `unsupported`, naming the place, for one without a form in JavaScript. */
  readonly expression: Translate;
  /** The value as it stands. */
  get(key: string): unknown;
}

/** Makes a regular expression of Oniguruma's syntax, which stands at `place`, one of JavaScript's. */
export type Translate = (source: string, place: string) => RegExp;

/** Of components that have no expressions. */
const noExpression: Translate = (source, place) => fail(place, "no regular expression", source);

/** Throws `invalid-file` unless `json` is an object with a `type`. */
export function settingsOf(json: unknown, place: string, translate: Translate = noExpression): Settings {
  if (!isObject(json)) return fail(place, "an object", json);
  const type = json["type"];
  if (typeof type !== "string") return fail(`${place}.type`, "a text", type);
  return reader(json, type, place, translate);
}

function reader(json: Json, type: string, place: string, translate: Translate): Settings {
  function read<T>(key: string, is: (value: unknown) => value is T, expected: string, fallback: T | undefined): T {
    const value = json[key];
    if (is(value)) return value;
    if (value === undefined && fallback !== undefined) return fallback;
    return fail(`${place}.${key}`, expected, value);
  }
  return {
    place,
    type,
    text: (key, fallback) => read(key, isText, "a text", fallback),
    character: (key, fallback) => read(key, isCharacter, "one character", fallback),
    flag: (key, fallback) => read(key, isFlag, "true or false", fallback),
    whole: (key, least, fallback) =>
      read(
        key,
        (value): value is number => Number.isSafeInteger(value) && (value as number) >= least,
        `a whole number of at least ${least}`,
        fallback,
      ),
    oneOf: <T extends string>(key: string, allowed: readonly T[], fallback?: T) =>
      read(key, (value): value is T => (allowed as readonly unknown[]).includes(value), allowed.join(", "), fallback),
    list(key) {
      const value = json[key];
      if (!Array.isArray(value)) return fail(`${place}.${key}`, "a list", value);
      return Array.from(value, (each: unknown, i) => settingsOf(each, `${place}.${key}[${i}]`, translate));
    },
    get: (key) => json[key],
    expression: translate,
  };
}

const isText = (value: unknown): value is string => typeof value === "string";
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isCharacter = (value: unknown): value is string => typeof value === "string" && Array.from(value).length === 1;

function fail(place: string, expected: string, received: unknown): never {
  throw new DynamoError(
    "invalid-file",
    `tokenizer.json: ${place}: expected ${expected}, received ${describeValue(received)}`,
  );
}

/** Refuses a type of component that is not known. */
export function unknownType({ place, type }: Settings, known: readonly string[]): never {
  throw new DynamoError(
    "unsupported",
    `tokenizer.json: ${place}: expected a type of ${known.join(", ")}, received ${describeValue(type)}`,
  );
}
