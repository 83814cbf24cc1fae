/** Reads a config.json's values with the checks and the messages that all families share, and knows which keys were read. */
import { DynamoError } from "@dynamo/core";

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value for a message: never long, and never walked, because hostile nesting overflows the stack. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(showLeaf).join(", ")}${value.length > 8 ? ", ..." : ""}]`;
  return showLeaf(value);
}

function showLeaf(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[...]" : "{...}";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
}

/** Values by their keys. null is no value, in every file of Hugging Face's. */
export interface JsonReader {
  readonly json: Json;
  /** In front of keys in messages. */
  readonly path: string;
  /** The keys that were asked for, whether there or not. */
  readonly known: ReadonlySet<string>;
  /** The objects that were asked for, by their keys. */
  readonly children: ReadonlyMap<string, JsonReader>;
  /** Any value, for the caller to check. */
  any(key: string): unknown;
  has(key: string): boolean;
  whole(key: string, least: number, most: number, fallback?: number): number;
  /** A number above 0. */
  positive(key: string, fallback?: number): number;
  flag(key: string, fallback: boolean): boolean;
  /** Throws `unsupported` for another value. */
  oneOf<T>(key: string, values: ReadonlyMap<string, T>, fallback: string): T;
  /** The object at a key, an empty one when there is none. */
  child(key: string): JsonReader;
  /** Throws `unsupported` unless the key is absent or `isNeutral` holds: the same weights would give other logits. */
  refuse(key: string, what: string, isNeutral?: (value: unknown) => boolean): void;
  /** Throws `invalid-file`. */
  fail(message: string): never;
  /** Throws `unsupported`. */
  unsupported(message: string): never;
}

/** `path` stands in messages for the object that `json` is. */
export function jsonReader(json: Json, path = ""): JsonReader {
  const known = new Set<string>();
  const children = new Map<string, JsonReader>();
  const at = (key: string): string => `${path}${key}`;
  const reader: JsonReader = {
    json,
    path,
    known,
    children,
    any(key) {
      known.add(key);
      return json[key] ?? undefined;
    },
    has: (key) => reader.any(key) !== undefined,
    whole(key, least, most, fallback) {
      const value = reader.any(key) ?? fallback;
      if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
        reader.fail(`${at(key)} must be a whole number from ${least} to ${most}, received ${show(value)}`);
      return value;
    },
    positive(key, fallback) {
      const value = reader.any(key) ?? fallback;
      if (typeof value !== "number" || !Number.isFinite(value) || value <= 0)
        reader.fail(`${at(key)} must be a number above 0, received ${show(value)}`);
      return value;
    },
    flag(key, fallback) {
      const value = reader.any(key) ?? fallback;
      if (typeof value !== "boolean") reader.fail(`${at(key)} must be true or false, received ${show(value)}`);
      return value;
    },
    oneOf<T>(key: string, values: ReadonlyMap<string, T>, fallback: string) {
      const value = reader.any(key) ?? fallback;
      const found = typeof value === "string" ? values.get(value) : undefined;
      if (found !== undefined) return found;
      const names = [...values.keys()].map((name) => JSON.stringify(name));
      const legal = names.length === 1 ? names.join() : `one of ${names.join(", ")}`;
      return reader.unsupported(`expected ${at(key)} ${legal}, received ${show(value)}`);
    },
    child(key) {
      const value = reader.any(key) ?? {};
      if (!isObject(value)) reader.fail(`${at(key)} must be an object, received ${show(value)}`);
      const child = children.get(key) ?? jsonReader(value, `${at(key)}.`);
      children.set(key, child);
      return child;
    },
    refuse(key, what, isNeutral = () => false) {
      const value = reader.any(key);
      if (value === undefined || isNeutral(value)) return;
      reader.unsupported(`expected no ${at(key)} (${what}), received ${show(value)}`);
    },
    fail(message) {
      throw new DynamoError("invalid-file", `config.json: ${message}`);
    },
    unsupported(message) {
      throw new DynamoError("unsupported", `config.json: ${message}`);
    },
  };
  return reader;
}
