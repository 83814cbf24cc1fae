/** Jinja2's tests: what may stand behind `is`. */
import { bind, textArgument } from "./arguments.js";
import type { Machine, Test } from "./machine.js";
import { binary, compare, contains, equal, numeric } from "./operators.js";
import { str } from "./print.js";
import { stringMethods } from "./string-methods.js";
import { Dict, Markup, Range, Stream, Thing, Tuple, Undefined, View, plain, type Given, type Value } from "./values.js";

const of =
  (name: string, holds: (value: Value) => boolean): Test =>
  (value, given) => {
    bind(name, given, []);
    return holds(value);
  };

const against =
  (name: string, holds: (value: Value, other: Value, machine: Machine) => boolean): Test =>
  (value, given, machine) =>
    holds(value, bind(name, given, ["other"], 1)[0] ?? null, machine);

const isText = (value: Value): boolean => typeof value === "string" || value instanceof Markup;
const isSequence = (value: Value): boolean =>
  isText(value) || [Tuple, Dict, Range, Undefined].some((type) => value instanceof type) || Array.isArray(value);
const isIterable = (value: Value): boolean => isSequence(value) || value instanceof Stream || value instanceof View;

const remainderIs =
  (remainder: bigint) =>
  (value: Value, given: Given, machine: Machine): boolean => {
    bind("odd or even", given, []);
    return divides(value, 2n, machine, remainder);
  };

function divides(value: Value, divisor: Value, { budget }: Machine, remainder = 0n): boolean {
  return equal(binary("%", value, divisor, budget), remainder, budget);
}

const inCase =
  (method: "islower" | "isupper"): Test =>
  (value, given, machine) => {
    const { budget, access } = machine;
    return stringMethods.get(method)?.(str(value, budget), given, { budget, reach: access }) === true;
  };

const below: Test = against("lt", (a, b, { budget }) => compare(a, b, budget) < 0);
const atMost: Test = against("le", (a, b, { budget }) => compare(a, b, budget) <= 0);
const above: Test = against("gt", (a, b, { budget }) => compare(a, b, budget) > 0);
const atLeast: Test = against("ge", (a, b, { budget }) => compare(a, b, budget) >= 0);
const same: Test = against("eq", (a, b, { budget }) => equal(a, b, budget));
const different: Test = against("ne", (a, b, { budget }) => !equal(a, b, budget));

/** The filters and tests that there are, for the tests `filter` and `test`. */
export const predicates = (hasFilter: (name: string) => boolean): ReadonlyMap<string, Test> => {
  const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
    ["defined", of("defined", (value) => !(value instanceof Undefined))],
    ["undefined", of("undefined", (value) => value instanceof Undefined)],
    ["none", of("none", (value) => value === null)],
    ["boolean", of("boolean", (value) => typeof value === "boolean")],
    ["true", of("true", (value) => value === true)],
    ["false", of("false", (value) => value === false)],
    ["integer", of("integer", (value) => typeof value === "bigint")],
    ["float", of("float", (value) => typeof value === "number")],
    ["number", of("number", (value) => numeric(value) !== undefined)],
    ["string", of("string", isText)],
    ["mapping", of("mapping", (value) => value instanceof Dict)],
    ["sequence", of("sequence", isSequence)],
    ["iterable", of("iterable", isIterable)],
    [
      "callable",
      of("callable", (value) => value instanceof Undefined || (value instanceof Thing && value.call !== undefined)),
    ],
    ["escaped", of("escaped", (value) => value instanceof Markup)],
    ["odd", remainderIs(1n)],
    ["even", remainderIs(0n)],
    ["divisibleby", against("divisibleby", (value, divisor, machine) => divides(value, divisor, machine))],
    ["lower", inCase("islower")],
    ["upper", inCase("isupper")],
    ["in", against("in", (value, container, { budget }) => contains(container, value, budget))],
    ["sameas", against("sameas", (value, other) => plain(value) === plain(other))],
    ["filter", of("filter", (value) => hasFilter(textArgument("filter", value)))],
    ["test", of("test", (value): boolean => tests.has(textArgument("test", value)))],
    ...["eq", "equalto", "=="].map((name) => [name, same] as const),
    ...["ne", "!="].map((name) => [name, different] as const),
    ...["lt", "lessthan", "<"].map((name) => [name, below] as const),
    ...["le", "<="].map((name) => [name, atMost] as const),
    ...["gt", "greaterthan", ">"].map((name) => [name, above] as const),
    ...["ge", ">="].map((name) => [name, atLeast] as const),
  ]);
  return tests;
};
