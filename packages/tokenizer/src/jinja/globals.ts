/** The functions that every chat template has: Jinja2's, and the two that transformers adds. */
import { bind, textArgument } from "./arguments.js";
import { TemplateError, fail } from "./errors.js";
import type { Machine } from "./machine.js";
import { numeric } from "./operators.js";
import { str } from "./print.js";
import { strftime } from "./strftime.js";
import { Dict, Namespace, Range, Thing, Undefined, callable, present, type Call, type Value } from "./values.js";

/** The sandbox's own limit. */
const maxRange = 100_000;

const range =
  ({ budget }: Machine): Call =>
  ({ positional, named }) => {
    if (positional.length < 1 || positional.length > 3 || named.size > 0) fail("range expected 1 to 3 arguments");
    const [a = 0n, b, step = 1n] = positional.map((value) => {
      const number = numeric(present(value));
      return typeof number === "bigint" ? number : fail("range expected integers");
    });
    const [start, stop] = b === undefined ? [0n, a] : [a, b];
    if (step === 0n) fail("range() arg 3 must not be zero");
    const span = step > 0n ? stop - start + step - 1n : start - stop - step - 1n;
    const count = span < 0n ? 0n : span / (step > 0n ? step : -step);
    if (count > maxRange) fail(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${maxRange}).`);
    budget.spend(Number(count));
    return new Range(
      start,
      stop,
      step,
      Array.from({ length: Number(count) }, (_, i) => start + BigInt(i) * step),
    );
  };

/** Pairs of an object, or of a list of pairs, and of named arguments. */
const pairs = (
  machine: Machine,
  what: string,
  { positional, named }: Parameters<Call>[0],
): (readonly [Value, Value])[] => {
  if (positional.length > 1) fail(`${what} expected at most 1 argument, received ${positional.length}`);
  const [start] = positional;
  const listed =
    start === undefined
      ? []
      : start instanceof Dict
        ? start.entries()
        : machine.iterate(start).map((pair) => {
            const [key, value, ...more] = machine.iterate(pair);
            return key === undefined || value === undefined || more.length > 0
              ? fail(`${what} expected pairs`)
              : ([key, value] as const);
          });
  return [...listed, ...named];
};

function cycler({ positional, named }: Parameters<Call>[0]): Value {
  if (positional.length === 0 || named.size > 0) return fail("at least one item has to be provided");
  let position = 0;
  const current = (): Value => positional[position] as Value;
  const next: Call = () => {
    const value = current();
    position = (position + 1) % positional.length;
    return value;
  };
  const reset: Call = () => {
    position = 0;
    return null;
  };
  return new Thing("Cycler", {
    attribute: (name) =>
      name === "next"
        ? callable("next", next)
        : name === "reset"
          ? callable("reset", reset)
          : name === "current"
            ? current()
            : name === "pos"
              ? BigInt(position)
              : undefined,
  });
}

function joiner(given: Parameters<Call>[0]): Value {
  const [separator] = bind("joiner", given, ["sep"]);
  let used = false;
  const call: Call = () => {
    if (used) return separator ?? ", ";
    used = true;
    return "";
  };
  return new Thing("Joiner", { call });
}

export function globals(machine: Machine): ReadonlyMap<string, Value> {
  const functions: Readonly<Record<string, Call>> = {
    range: range(machine),
    dict: (given) => new Dict(pairs(machine, "dict", given)),
    namespace: (given) =>
      new Namespace(
        new Map(pairs(machine, "namespace", given).map(([key, value]) => [str(key, machine.budget), value])),
      ),
    cycler,
    joiner,
    lipsum: () => {
      throw new TemplateError("unsupported", "lipsum is not there for chat templates");
    },
    raise_exception: (given) => {
      const [message] = bind("raise_exception", given, ["message"]);
      throw new TemplateError("raised", str(message ?? new Undefined(""), machine.budget));
    },
    strftime_now: (given) =>
      strftime(machine.now(), textArgument("strftime_now", bind("strftime_now", given, ["format"], 1)[0])),
  };
  return new Map(Object.entries(functions).map(([name, call]) => [name, callable(name, call)]));
}
