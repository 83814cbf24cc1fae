/** Filters of lists and objects. */
import { bind, integerArgument, textArgument } from "./arguments.js";
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import type { Filter, Machine } from "./machine.js";
import { binary, compare, equal, itemsOf } from "./operators.js";
import { str } from "./print.js";
import { lengthOf, points } from "./text.js";
import { Dict, Stream, Tuple, Undefined, isTrue, plain, present, typeName, type Given, type Value } from "./values.js";

/** What `attribute="a.b.0"` reads of an item. */
function reader(attribute: Value | undefined, { access }: Machine, otherwise?: Value): (item: Value) => Value {
  if (attribute === undefined || attribute === null) return (item) => item;
  const parts: Value[] =
    typeof attribute === "string"
      ? attribute.split(".").map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
      : [attribute];
  return (item) =>
    parts.reduce((value, part) => {
      const found = access.item(value, part);
      return found instanceof Undefined && otherwise !== undefined ? otherwise : found;
    }, item);
}

const lowered = (value: Value): Value => {
  const text = plain(value);
  return typeof text === "string" ? text.toLowerCase() : value;
};

/** The key that items are compared by. */
function keyOf(
  attribute: Value | undefined,
  caseSensitive: Value | undefined,
  machine: Machine,
): (item: Value) => Value {
  const read = reader(attribute, machine);
  return isTrue(caseSensitive ?? false) ? read : (item) => lowered(read(item));
}

function sortedBy<T>(items: readonly T[], key: (item: T) => Value, reverse: boolean, { budget }: Machine): T[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key, budget) : compare(a.key, b.key, budget)));
  return keyed.map(({ item }) => item);
}

function sort(input: Value, given: Given, machine: Machine): Value {
  const [reverse, caseSensitive, attribute] = bind("sort", given, ["reverse", "case_sensitive", "attribute"]);
  const keys =
    typeof attribute === "string"
      ? attribute.split(",").map((part) => keyOf(part, caseSensitive, machine))
      : [keyOf(attribute, caseSensitive, machine)];
  const key = (item: Value): Value =>
    typeof attribute === "string" ? keys.map((read) => read(item)) : (keys[0]?.(item) ?? null);
  return sortedBy(machine.iterate(input), key, isTrue(reverse ?? false), machine);
}

function dictSort(input: Value, given: Given, machine: Machine): Value {
  const [caseSensitive, by, reverse] = bind("dictsort", given, ["case_sensitive", "by", "reverse"]);
  const place =
    by === undefined || by === "key" ? 0 : by === "value" ? 1 : fail('You can only sort by either "key" or "value"');
  const dict = present(input);
  if (!(dict instanceof Dict)) return fail(`dictsort expected a dict, received ${typeName(input)}`);
  const key = (entry: readonly [Value, Value]): Value =>
    isTrue(caseSensitive ?? false) ? entry[place] : lowered(entry[place]);
  return sortedBy(dict.entries(), key, isTrue(reverse ?? false), machine).map((entry) => new Tuple(entry));
}

function groupBy(input: Value, given: Given, machine: Machine): Value {
  const [attribute, otherwise, caseSensitive] = bind("groupby", given, ["attribute", "default", "case_sensitive"], 1);
  const read = reader(attribute, machine, otherwise === null ? undefined : otherwise);
  const key = (item: Value): Value => (isTrue(caseSensitive ?? false) ? read(item) : lowered(read(item)));
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sortedBy(machine.iterate(input), key, false, machine)) {
    const last = groups.at(-1);
    if (last !== undefined && equal(last.key, key(item), machine.budget)) last.items.push(item);
    else groups.push({ key: key(item), items: [item] });
  }
  return groups.map(({ items }) => new Tuple([read(items[0] ?? null), items], ["grouper", "list"]));
}

function unique(input: Value, given: Given, machine: Machine): Value {
  const [caseSensitive, attribute] = bind("unique", given, ["case_sensitive", "attribute"]);
  const key = keyOf(attribute, caseSensitive, machine);
  const seen = new Dict();
  const kept = machine.iterate(input).filter((item) => {
    const own = key(item);
    if (seen.has(own)) return false;
    seen.set(own, null);
    return true;
  });
  return new Stream(kept);
}

const extreme =
  (name: "min" | "max"): Filter =>
  (input, given, machine) => {
    const [caseSensitive, attribute] = bind(name, given, ["case_sensitive", "attribute"]);
    const key = keyOf(attribute, caseSensitive, machine);
    const sign = name === "min" ? 1 : -1;
    const items = machine.iterate(input);
    if (items.length === 0) return new Undefined("No aggregated item, sequence was empty.");
    return items.reduce((best, item) => (sign * compare(key(item), key(best), machine.budget) < 0 ? item : best));
  };

/** Jinja2 asks these for their items only when they are true: None and 0 have none. */
const itemsIfTrue = (input: Value, machine: Machine): readonly Value[] => (isTrue(input) ? machine.iterate(input) : []);

/** A filter by name, or an attribute, for every item. */
function map(input: Value, given: Given, machine: Machine): Value {
  const items = itemsIfTrue(input, machine);
  const { positional, named } = given;
  if (positional.length === 0 && named.has("attribute")) {
    const [attribute, otherwise] = bind("map", given, ["attribute", "default"]);
    return new Stream(items.map(reader(attribute, machine, otherwise)));
  }
  if (positional.length === 0) return fail("map requires a filter argument");
  const name = textArgument("map", positional[0]);
  return new Stream(items.map((item) => machine.filter(name, item, { positional: positional.slice(1), named })));
}

const choosing =
  (name: string, wanted: boolean, ofAttribute: boolean): Filter =>
  (input, { positional, named }, machine) => {
    const [first, ...others] = positional;
    if (ofAttribute && first === undefined) return fail("Missing parameter for attribute name");
    const read = ofAttribute ? reader(first, machine) : (item: Value) => item;
    const [test, ...rest] = ofAttribute ? others : positional;
    const testName = test === undefined ? undefined : textArgument(name, test);
    const holds = (item: Value): boolean =>
      testName === undefined ? isTrue(read(item)) : machine.test(testName, read(item), { positional: rest, named });
    return new Stream(itemsIfTrue(input, machine).filter((item) => holds(item) === wanted));
  };

function join(input: Value, given: Given, machine: Machine): Value {
  const [separator, attribute] = bind("join", given, ["d", "attribute"]);
  const { budget } = machine;
  const texts = machine
    .iterate(input)
    .map(reader(attribute, machine))
    .map((item) => str(item, budget));
  const between = separator === undefined ? "" : str(separator, budget);
  budget.room(texts.length * between.length);
  return budget.text(texts.join(between));
}

/** Elements of whatever has a length, characters as code points. */
export function sizeOf(value: Value, budget: Budget): number | undefined {
  if (typeof value === "string") {
    budget.spend(value.length >>> 6);
    return lengthOf(value);
  }
  if (value instanceof Undefined) return 0;
  if (value instanceof Dict) return value.size;
  return itemsOf(value)?.length;
}

function length(input: Value, given: Given, { budget }: Machine): Value {
  bind("length", given, []);
  const value = plain(input);
  const size = sizeOf(value, budget);
  return size === undefined ? fail(`object of type '${typeName(value)}' has no len()`) : BigInt(size);
}

function reverse(input: Value, given: Given, machine: Machine): Value {
  bind("reverse", given, []);
  const value = plain(input);
  if (typeof value === "string") return [...points(value)].reverse().join("");
  const items = [...machine.iterate(value)].reverse();
  return value instanceof Stream ? items : new Stream(items, "list_reverseiterator");
}

/** Rows of `count` items, or `count` columns of nearly equal length, the last filled up. */
function batch(input: Value, given: Given, machine: Machine): Value {
  const [count, filler] = bind("batch", given, ["linecount", "fill_with"], 1);
  const size = Math.max(1, integerArgument("batch", count, 1));
  const items = machine.iterate(input);
  const rows: Value[][] = [];
  for (let i = 0; i < items.length; i += size) rows.push(items.slice(i, i + size));
  const last = rows.at(-1);
  if (last !== undefined && filler !== undefined && filler !== null) {
    machine.budget.room(size);
    while (last.length < size) last.push(filler);
  }
  return new Stream(rows);
}

function slice(input: Value, given: Given, machine: Machine): Value {
  const [count, filler] = bind("slice", given, ["slices", "fill_with"], 1);
  const columns = integerArgument("slice", count, 1);
  const items = machine.iterate(input);
  if (columns < 1) return fail(`slice expected at least 1 column, received ${columns}`);
  machine.budget.spend(columns);
  const [each, extra] = [Math.floor(items.length / columns), items.length % columns];
  return new Stream(
    Array.from({ length: columns }, (_, i) => {
      const start = i * each + Math.min(i, extra);
      const column = items.slice(start, start + each + (i < extra ? 1 : 0));
      return filler !== undefined && filler !== null && i >= extra ? [...column, filler] : column;
    }),
  );
}

function first(input: Value, given: Given, machine: Machine): Value {
  bind("first", given, []);
  const taken = input instanceof Stream ? input.take()?.value : machine.iterate(input)[0];
  return taken ?? (taken === null ? null : new Undefined("No first item, sequence was empty."));
}

function last(input: Value, given: Given, machine: Machine): Value {
  bind("last", given, []);
  if (input instanceof Stream) return fail(`'${input.type}' object is not reversible`);
  const taken = machine.iterate(input).at(-1);
  return taken ?? (taken === null ? null : new Undefined("No last item, sequence was empty."));
}

function items(input: Value, given: Given): Value {
  bind("items", given, []);
  if (input instanceof Undefined) return new Stream([]);
  if (!(input instanceof Dict)) return fail("Can only get item pairs from a mapping.");
  return new Stream(input.entries().map((entry) => new Tuple(entry)));
}

function sum(input: Value, given: Given, machine: Machine): Value {
  const [attribute, start] = bind("sum", given, ["attribute", "start"]);
  const read = reader(attribute, machine);
  return machine.iterate(input).reduce((total, item) => binary("+", total, read(item), machine.budget), start ?? 0n);
}

export const sequenceFilters = new Map<string, Filter>([
  ["sort", sort],
  ["dictsort", dictSort],
  ["groupby", groupBy],
  ["unique", unique],
  ["min", extreme("min")],
  ["max", extreme("max")],
  ["map", map],
  ["select", choosing("select", true, false)],
  ["reject", choosing("reject", false, false)],
  ["selectattr", choosing("selectattr", true, true)],
  ["rejectattr", choosing("rejectattr", false, true)],
  ["join", join],
  ["length", length],
  ["count", length],
  ["reverse", reverse],
  ["batch", batch],
  ["slice", slice],
  ["first", first],
  ["last", last],
  ["items", items],
  ["sum", sum],
  [
    "list",
    (input, given, machine) => {
      bind("list", given, []);
      return [...machine.iterate(input)];
    },
  ],
  [
    "attr",
    (input, given, { access }) => access.ownAttribute(input, textArgument("attr", bind("attr", given, ["name"], 1)[0])),
  ],
]);
