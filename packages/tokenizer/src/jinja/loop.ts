/** The variable `loop`. Items are tested and taken one at a time: a condition may read what the body has changed. */
import { bind } from "./arguments.js";
import { fail } from "./errors.js";
import type { Machine } from "./machine.js";
import { equal } from "./operators.js";
import { Thing, Tuple, Undefined, callable, type Call, type Value } from "./values.js";

export interface Loop {
  /** The next item, if there is one. */
  readonly advance: () => { value: Value } | undefined;
  readonly variable: Value;
}

export interface LoopOptions {
  readonly items: readonly Value[];
  /** Whether the loop's condition takes an item. */
  readonly takes: (item: Value) => boolean;
  readonly depth: number;
  /** What `loop(items)` does in a recursive loop. */
  readonly again: Call | undefined;
}

export function createLoop(machine: Machine, { items, takes, depth, again }: LoopOptions): Loop {
  const ahead: Value[] = [];
  let [position, index] = [0, -1];
  let [before, current]: (Value | undefined)[] = [];
  let changing: Value | undefined;

  /** Looks until `count` items are ahead, or none are left. */
  function look(count: number): number {
    while (ahead.length < count && position < items.length) {
      const item = items[position++] as Value;
      if (takes(item)) ahead.push(item);
    }
    return ahead.length;
  }

  function advance(): { value: Value } | undefined {
    if (look(1) === 0) return undefined;
    index++;
    before = current;
    const value = ahead.shift() ?? null;
    current = value;
    return { value };
  }

  const length = (): number => index + 1 + look(Infinity);

  const cycle: Call = ({ positional }) =>
    positional.length === 0 ? fail("no items for cycling given") : (positional[index % positional.length] as Value);
  const changed: Call = ({ positional }) => {
    const values = new Tuple(positional);
    if (changing !== undefined && equal(changing, values, machine.budget)) return false;
    changing = values;
    return true;
  };

  const attributes: Readonly<Record<string, () => Value>> = {
    index: () => BigInt(index + 1),
    index0: () => BigInt(index),
    revindex: () => BigInt(length() - index),
    revindex0: () => BigInt(length() - index - 1),
    first: () => index === 0,
    last: () => look(1) === 0,
    length: () => BigInt(length()),
    depth: () => BigInt(depth + 1),
    depth0: () => BigInt(depth),
    previtem: () => before ?? (index > 0 ? null : new Undefined("there is no previous item")),
    nextitem: () => (look(1) === 0 ? new Undefined("there is no next item") : (ahead[0] as Value)),
    cycle: () => callable("cycle", cycle),
    changed: () => callable("changed", changed),
  };
  const variable = new Thing("LoopContext", {
    attribute: (name) => (Object.hasOwn(attributes, name) ? attributes[name]?.() : undefined),
    call: (given) => {
      bind("loop", given, ["iterable"], 1);
      return again === undefined
        ? fail("The loop must have the 'recursive' marker to be called recursively.")
        : again(given);
    },
  });
  return { advance, variable };
}
