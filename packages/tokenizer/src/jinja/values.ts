/**
 * Python's values in JavaScript: an int is a bigint and a float a number, so that 1 and 1.0 stay two things; a str is a string,
 * a list an array. Everything else has a class here. No value is ever a JavaScript object of the caller's, so that no
 * template reaches a prototype or a constructor.
 */
import { fail } from "./errors.js";

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Value[]
  | Tuple
  | Dict
  | Undefined
  | Markup
  | Range
  | Stream
  | View
  | Namespace
  | Thing;

/** Arguments of a call. */
export interface Given {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export type Call = (given: Given) => Value;

/** What is not there: prints nothing, is false, has no elements; anything else that is done with it raises. */
export class Undefined {
  /** What the error says. */
  readonly hint: string;

  constructor(hint: string) {
    this.hint = hint;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  /** Names of the items, for a named tuple. */
  readonly names: readonly string[];

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** Text that `escape` and `safe` made: text added to it is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export class Range {
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;
  readonly items: readonly bigint[];

  constructor(start: bigint, stop: bigint, step: bigint, items: readonly bigint[]) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.items = items;
  }
}

/** An iterator: its elements can be had once. */
export class Stream {
  readonly type: string;
  #items: readonly Value[];
  #taken = 0;

  constructor(items: readonly Value[], type = "generator") {
    this.type = type;
    this.#items = items;
  }

  /** The next one, if there is one. */
  take(): { value: Value } | undefined {
    return this.#taken < this.#items.length ? { value: this.#items[this.#taken++] as Value } : undefined;
  }

  rest(): readonly Value[] {
    const rest = this.#items.slice(this.#taken);
    this.#taken = this.#items.length;
    return rest;
  }
}

/** What `keys()`, `values()` and `items()` of a dict give. */
export class View {
  readonly type: "dict_keys" | "dict_values" | "dict_items";
  readonly items: readonly Value[];

  constructor(type: View["type"], items: readonly Value[]) {
    this.type = type;
    this.items = items;
  }
}

export class Namespace {
  readonly values: Map<string, Value>;

  constructor(values: Map<string, Value>) {
    this.values = values;
  }
}

/** Functions, macros, `loop`, cyclers: a type's name, named attributes, perhaps a call. */
export class Thing {
  readonly type: string;
  readonly attribute: (name: string) => Value | undefined;
  readonly call: Call | undefined;
  readonly text: string;

  constructor(
    type: string,
    {
      attribute = () => undefined,
      call,
      text = `<${type} object>`,
    }: Partial<Pick<Thing, "attribute" | "call" | "text">>,
  ) {
    this.type = type;
    this.attribute = attribute;
    this.call = call;
    this.text = text;
  }
}

export const callable = (name: string, call: Call): Thing =>
  new Thing("function", { call, text: `<function ${name}>` });

/** An object with Python's keys: 1, 1.0 and True are one key. Keeps the order of insertion. */
export class Dict {
  readonly #entries = new Map<string, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hash(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hash(key));
  }

  set(key: Value, value: Value): void {
    const hashed = hash(key);
    this.#entries.set(hashed, [this.#entries.get(hashed)?.[0] ?? key, value]);
  }

  entries(): (readonly [Value, Value])[] {
    return [...this.#entries.values()];
  }

  keys(): Value[] {
    return this.entries().map(([key]) => key);
  }

  values(): Value[] {
    return this.entries().map(([, value]) => value);
  }
}

/** Can it be a key? */
export const isHashable = (key: Value): boolean =>
  key instanceof Tuple ? key.items.every(isHashable) : !Array.isArray(key) && !(key instanceof Dict);

/** Equal for equal keys. Throws for what Python cannot hash. */
function hash(key: Value): string {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "boolean") return key ? "n1" : "n0";
  if (typeof key === "bigint") return `n${key}`;
  if (typeof key === "number") return Number.isInteger(key) ? `n${BigInt(key)}` : `f${key}`;
  if (key === null) return "none";
  if (key instanceof Markup) return `s${key.text}`;
  if (key instanceof Undefined) return "undefined";
  if (key instanceof Tuple) return `t${key.items.map((item) => JSON.stringify(hash(item))).join()}`;
  return fail(`unhashable type: '${typeName(key)}'`);
}

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "string") return "str";
  if (Array.isArray(value)) return "list";
  if (value instanceof Tuple) return "tuple";
  if (value instanceof Dict) return "dict";
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Range) return "range";
  if (value instanceof Namespace) return "Namespace";
  return value instanceof Markup ? "Markup" : value.type;
}

/** Markup as the text that it is; anything else as it is. */
export const plain = (value: Value): Exclude<Value, Markup> =>
  value instanceof Markup ? value.text : (value as Exclude<Value, Markup>);

/** Throws when the value is not there. */
export function present<T extends Value>(value: T): Exclude<T, Undefined> {
  if (value instanceof Undefined) return fail(value.hint);
  return value as Exclude<T, Undefined>;
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === "boolean") return value;
  if (typeof value === "bigint" || typeof value === "number") return Number(value) !== 0;
  if (value instanceof Stream || value instanceof Namespace || value instanceof Thing) return true;
  return sizeOf(value) !== 0;
}

/** Elements of whatever has a length. Strings count in code units here: only whether it is 0 is sure. */
function sizeOf(value: string | Value[] | Tuple | Dict | Markup | Range | View): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (value instanceof Markup) return value.text.length;
  return value instanceof Dict ? value.size : value.items.length;
}
