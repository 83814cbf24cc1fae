/** What filters, tests and functions may use of the interpreter. Types only. */
import type { Access } from "./access.js";
import type { Budget } from "./budget.js";
import type { Given, Value } from "./values.js";

export interface Machine {
  readonly budget: Budget;
  readonly access: Access;
  /** The time for `strftime_now`. */
  readonly now: () => Date;
  readonly call: (callee: Value, given: Given) => Value;
  readonly filter: (name: string, input: Value, given: Given) => Value;
  readonly test: (name: string, input: Value, given: Given) => boolean;
  /** Elements of a value. Throws for one that has none. */
  readonly iterate: (value: Value) => readonly Value[];
}

export type Filter = (input: Value, given: Given, machine: Machine) => Value;
export type Test = (input: Value, given: Given, machine: Machine) => boolean;
