/* eslint-disable max-lines-per-function -- one factory: small functions around one state */
/** `value.name` and `value[index]`, as Jinja2's immutable sandbox allows them: nothing private, nothing that changes a value. */
import { bind, integerArgument } from "./arguments.js";
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import { equal, itemsOf, numeric } from "./operators.js";
import { stringMethods } from "./string-methods.js";
import { points, sliceIndices, substring, type Bounds } from "./text.js";
import {
  Dict,
  isHashable,
  Markup,
  Namespace,
  Range,
  Thing,
  Tuple,
  Undefined,
  View,
  callable,
  plain,
  present,
  typeName,
  type Call,
  type Given,
  type Value,
} from "./values.js";

type Method<T> = (self: T, given: Given, budget: Budget) => Value;

const dictMethods = new Map<string, Method<Dict>>([
  [
    "get",
    (self, given) => {
      const [key, otherwise] = bind("get", given, ["key", "default"], 1);
      const value = self.get(key ?? null);
      return value === undefined ? (otherwise ?? null) : value;
    },
  ],
  [
    "items",
    (self, given) => {
      bind("items", given, []);
      return new View(
        "dict_items",
        self.entries().map((entry) => new Tuple(entry)),
      );
    },
  ],
  [
    "keys",
    (self, given) => {
      bind("keys", given, []);
      return new View("dict_keys", self.keys());
    },
  ],
  [
    "values",
    (self, given) => {
      bind("values", given, []);
      return new View("dict_values", self.values());
    },
  ],
  [
    "copy",
    (self, given) => {
      bind("copy", given, []);
      return new Dict(self.entries());
    },
  ],
]);

const listMethods = new Map<string, Method<readonly Value[]>>([
  [
    "count",
    (self, given, budget) => {
      const [sought] = bind("count", given, ["value"], 1);
      return BigInt(self.filter((item) => equal(item, sought ?? null, budget)).length);
    },
  ],
  [
    "index",
    (self, given, budget) => {
      const [sought, start, stop] = bind("index", given, ["value", "start", "stop"], 1);
      const indices = sliceIndices(
        {
          start: BigInt(integerArgument("index", start, 0)),
          stop: BigInt(integerArgument("index", stop, self.length)),
          step: null,
        },
        self.length,
      );
      const found = indices.find((i) => equal(self[i] as Value, sought ?? null, budget));
      return found === undefined ? fail("the value is not in the list") : BigInt(found);
    },
  ],
]);

const numberMethods = new Map<string, Method<bigint | number>>([
  [
    "is_integer",
    (self, given) => {
      bind("is_integer", given, []);
      return typeof self === "bigint" || Number.isInteger(self);
    },
  ],
  [
    "bit_length",
    (self, given) => {
      bind("bit_length", given, []);
      const magnitude = BigInt(self) < 0n ? -BigInt(self) : BigInt(self);
      return magnitude === 0n ? 0n : BigInt(magnitude.toString(2).length);
    },
  ],
]);

/** Methods that the sandbox keeps from templates: they change the value. */
const mutators: Readonly<Record<string, readonly string[]>> = {
  list: ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"],
  dict: ["clear", "pop", "popitem", "setdefault", "update"],
};

export interface Access {
  readonly attribute: (value: Value, name: string) => Value;
  readonly item: (value: Value, index: Value) => Value;
  readonly slice: (value: Value, bounds: Bounds) => Value;
  /** The attribute alone, never an item: what the filter `attr` reads. */
  readonly ownAttribute: (value: Value, name: string) => Value;
}

export function createAccess(budget: Budget): Access {
  const missing = (value: Value, name: string): Undefined =>
    new Undefined(
      value === null || typeof value !== "object" || !(value instanceof Dict)
        ? `'${typeName(value)} object' has no attribute '${name}'`
        : `'dict object' has no attribute '${name}'`,
    );

  /** The value that Python's getattr would find, if any. */
  function own(value: Value, name: string): Value | undefined {
    if (mutators[typeName(value)]?.includes(name) === true || name.startsWith("__"))
      return isPrivateField(value, name)
        ? undefined
        : new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`);
    const call = methodOf(value, name);
    if (call !== undefined) return callable(name, call);
    if (value instanceof Namespace) return value.values.get(name);
    if (value instanceof Thing) return value.attribute(name);
    if (value instanceof Tuple && value.names.includes(name)) return value.items[value.names.indexOf(name)];
    if (value instanceof Range && (name === "start" || name === "stop" || name === "step")) return value[name];
    return undefined;
  }

  /** A dict may well have a key like this; nothing else has such an attribute here. */
  const isPrivateField = (value: Value, name: string): boolean =>
    value instanceof Dict && value.has(name) && name.startsWith("__");

  function methodOf(value: Value, name: string): Call | undefined {
    if (typeof value === "string" || value instanceof Markup) {
      const method = stringMethods.get(name);
      const self = typeof value === "string" ? value : value.text;
      return method && ((given) => counted(self, () => method(self, given, { budget, reach: { attribute, item } })));
    }
    if (value instanceof Dict) return bound(dictMethods.get(name), value);
    if (Array.isArray(value) && name === "copy") return () => [...value];
    if (Array.isArray(value) || value instanceof Tuple || value instanceof Range)
      return bound(listMethods.get(name), itemsOf(value) ?? []);
    return typeof value === "bigint" || typeof value === "number" ? bound(numberMethods.get(name), value) : undefined;
  }

  const bound = <T>(method: Method<T> | undefined, self: T): Call | undefined =>
    method && ((given) => method(self, given, budget));

  function counted(self: string, run: () => Value): Value {
    budget.spend(1 + (self.length >>> 4));
    return run();
  }

  function attribute(value: Value, name: string): Value {
    present(value);
    const found = own(value, name);
    if (found !== undefined) return found;
    const field = value instanceof Dict ? value.get(name) : undefined;
    return field === undefined ? missing(value, name) : field;
  }

  function ownAttribute(value: Value, name: string): Value {
    present(value);
    const found = own(value, name);
    return found === undefined ? missing(value, name) : found;
  }

  function item(value: Value, index: Value): Value {
    present(value);
    const key = plain(index);
    const found = value instanceof Dict ? (isHashable(key) ? value.get(key) : undefined) : element(value, key);
    if (found !== undefined) return found;
    return (
      (typeof key === "string" ? own(value, key) : undefined) ??
      new Undefined(`${typeName(value)} object has no element ${describe(key)}`)
    );
  }

  function element(value: Value, key: Value): Value | undefined {
    const index = typeof key === "number" ? undefined : numeric(key);
    if (typeof index !== "bigint") return undefined;
    const content = plain(value);
    const items =
      typeof content === "string" ? points(content) : content instanceof View ? undefined : itemsOf(content);
    if (typeof content === "string") budget.spend(content.length >>> 6);
    return items?.at(Number(index));
  }

  function slice(value: Value, bounds: Bounds): Value {
    const content = plain(present(value));
    const items =
      typeof content === "string" ? points(content) : content instanceof View ? undefined : itemsOf(content);
    if (items === undefined) return fail(`'${typeName(content)}' object is not subscriptable`);
    const indices = sliceIndices(bounds, items.length);
    budget.spend(indices.length >>> (typeof content === "string" ? 6 : 0));
    if (typeof content === "string" && (bounds.step ?? 1n) === 1n)
      return indices.length === 0 ? "" : substring(content, indices[0] ?? 0, (indices[0] ?? 0) + indices.length);
    const taken = indices.map((i) => items[i] as Value);
    if (typeof content === "string") return (taken as string[]).join("");
    return Array.isArray(content) ? taken : new Tuple(taken);
  }

  return { attribute, item, slice, ownAttribute };
}

const describe = (key: Value): string =>
  typeof key === "string" ? `'${key}'` : typeof key === "bigint" ? String(key) : typeName(key);
