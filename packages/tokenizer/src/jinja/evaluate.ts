/* eslint-disable max-lines-per-function -- an interpreter: small functions around one state */
/** The value of an expression. */
import { createAccess } from "./access.js";
import type { Budget } from "./budget.js";
import { fail } from "./errors.js";
import type { Filter, Machine, Test } from "./machine.js";
import { binary, compare, contains, equal, itemsOf, numeric } from "./operators.js";
import { predicates } from "./predicates.js";
import { str } from "./print.js";
import { bodyName, type Scope } from "./scope.js";
import { sequenceFilters } from "./sequence-filters.js";
import type { Arguments, Comparison, Expression, Slice } from "./syntax.js";
import { points, type Bounds } from "./text.js";
import { textFilters } from "./text-filters.js";
import {
  Dict,
  Stream,
  Thing,
  Tuple,
  Undefined,
  isTrue,
  plain,
  present,
  typeName,
  type Given,
  type Value,
} from "./values.js";

const filters: ReadonlyMap<string, Filter> = new Map([...textFilters, ...sequenceFilters]);
export const hasFilter = (name: string): boolean => filters.has(name);
const tests: ReadonlyMap<string, Test> = predicates(hasFilter);
export const hasTest = (name: string): boolean => tests.has(name);

export function createMachine(budget: Budget, now: () => Date): Machine {
  const machine: Machine = {
    budget,
    now,
    access: createAccess(budget),
    call(callee, given) {
      const target = present(callee);
      return target instanceof Thing && target.call !== undefined
        ? target.call(given)
        : fail(`'${typeName(callee)}' object is not callable`);
    },
    filter: (name, input, given) => (filters.get(name) ?? fail(`there is no filter '${name}'`))(input, given, machine),
    test: (name, input, given) => (tests.get(name) ?? fail(`there is no test '${name}'`))(input, given, machine),
    iterate(value) {
      const content = plain(value);
      const items =
        typeof content === "string"
          ? points(content)
          : content instanceof Stream
            ? content.rest()
            : content instanceof Dict
              ? content.keys()
              : content instanceof Undefined
                ? []
                : (itemsOf(content) ?? fail(`'${typeName(value)}' object is not iterable`));
      budget.spend(items.length);
      return items;
    },
  };
  return machine;
}

export type Evaluate = (expression: Expression, scope: Scope) => Value;

export function createEvaluator(machine: Machine): {
  evaluate: Evaluate;
  given: (args: Arguments, scope: Scope) => Given;
} {
  const { budget, access } = machine;

  function evaluate(expression: Expression, scope: Scope): Value {
    budget.spend();
    const value = (inner: Expression): Value => evaluate(inner, scope);
    switch (expression.kind) {
      case "constant":
        return expression.value;
      case "name":
        return scope.read(expression.name);
      case "body":
        return scope.read(bodyName);
      case "list":
        return expression.items.map(value);
      case "tuple":
        return new Tuple(expression.items.map(value));
      case "dict":
        return new Dict(expression.entries.map(([key, item]) => [value(key), value(item)] as const));
      case "attribute":
        return access.attribute(value(expression.target), expression.name);
      case "item":
        return item(value(expression.target), expression.index, scope);
      case "call":
        return machine.call(value(expression.callee), given(expression.args, scope));
      case "filter":
        return machine.filter(expression.name, value(expression.input), given(expression.args, scope));
      case "test":
        return machine.test(expression.name, value(expression.input), given(expression.args, scope));
      case "choice":
        if (isTrue(value(expression.condition))) return value(expression.then);
        return expression.otherwise === undefined
          ? new Undefined("the inline if-expression evaluated to false and no else section was defined.")
          : value(expression.otherwise);
      default:
        return operation(expression, value);
    }
  }

  function operation(
    expression: Extract<
      Expression,
      { kind: "not" | "negative" | "positive" | "and" | "or" | "binary" | "compare" | "concat" }
    >,
    value: (inner: Expression) => Value,
  ): Value {
    switch (expression.kind) {
      case "not":
        return !isTrue(value(expression.operand));
      case "negative":
      case "positive": {
        const operand = present(value(expression.operand));
        const number =
          numeric(operand) ??
          fail(`bad operand type for unary ${expression.kind === "negative" ? "-" : "+"}: '${typeName(operand)}'`);
        return expression.kind === "negative" ? -number : number;
      }
      case "and": {
        const left = value(expression.left);
        return isTrue(left) ? value(expression.right) : left;
      }
      case "or": {
        const left = value(expression.left);
        return isTrue(left) ? left : value(expression.right);
      }
      case "binary":
        return binary(expression.operator, value(expression.left), value(expression.right), budget);
      case "concat":
        return budget.text(expression.parts.map((part) => str(value(part), budget)).join(""));
      case "compare": {
        let left = value(expression.first);
        for (const [operator, other] of expression.rest) {
          const right = value(other);
          if (!holds(operator, left, right)) return false;
          left = right;
        }
        return true;
      }
    }
  }

  function holds(operator: Comparison, left: Value, right: Value): boolean {
    switch (operator) {
      case "==":
        return equal(left, right, budget);
      case "!=":
        return !equal(left, right, budget);
      case "in":
        return contains(right, left, budget);
      case "not in":
        return !contains(right, left, budget);
      case "<":
        return compare(left, right, budget) < 0;
      case "<=":
        return compare(left, right, budget) <= 0;
      case ">":
        return compare(left, right, budget) > 0;
      case ">=":
        return compare(left, right, budget) >= 0;
    }
  }

  function item(target: Value, index: Expression | Slice, scope: Scope): Value {
    if (index.kind !== "slice") return access.item(target, evaluate(index, scope));
    const bound = (part: Expression | undefined): bigint | null => {
      const value = part === undefined ? null : evaluate(part, scope);
      const number = value === null ? null : numeric(present(value));
      return number === null || typeof number === "bigint" ? number : fail("slice indices must be integers or None");
    };
    const bounds: Bounds = { start: bound(index.start), stop: bound(index.stop), step: bound(index.step) };
    return access.slice(target, bounds);
  }

  function given({ positional, named, rest, restNamed }: Arguments, scope: Scope): Given {
    const list = positional.map((argument) => evaluate(argument, scope));
    if (rest !== undefined) list.push(...machine.iterate(evaluate(rest, scope)));
    const names = new Map<string, Value>();
    const add = (name: string, value: Value): void => {
      if (names.has(name)) fail(`got multiple values for keyword argument '${name}'`);
      names.set(name, value);
    };
    for (const [name, argument] of named) add(name, evaluate(argument, scope));
    const more = restNamed === undefined ? undefined : evaluate(restNamed, scope);
    if (more !== undefined && !(more instanceof Dict)) fail("argument after ** must be a mapping");
    for (const [name, value] of more?.entries() ?? [])
      add(typeof name === "string" ? name : fail("keywords must be strings"), value);
    return { positional: list, named: names };
  }

  return { evaluate, given };
}
