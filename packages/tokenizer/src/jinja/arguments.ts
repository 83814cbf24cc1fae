/** What a function was called with, by its parameters' names. */
import { fail } from "./errors.js";
import { Undefined, plain, present, typeName, type Given, type Value } from "./values.js";

export const noArguments: Given = { positional: [], named: new Map() };

/** Arguments by their place in `parameters`. Throws for unknown and repeated ones, and for missing ones among the first `required`. */
export function bind(
  what: string,
  { positional, named }: Given,
  parameters: readonly string[],
  required = 0,
): readonly (Value | undefined)[] {
  if (positional.length > parameters.length)
    fail(`${what} takes at most ${parameters.length} arguments, received ${positional.length}`);
  for (const name of named.keys()) {
    const place = parameters.indexOf(name);
    if (place === -1) fail(`${what} got an unexpected keyword argument '${name}'`);
    if (place < positional.length) fail(`${what} got multiple values for argument '${name}'`);
  }
  return parameters.map((name, place) => {
    const value = place < positional.length ? positional[place] : named.get(name);
    if (value === undefined && place < required) fail(`${what} is missing its argument '${name}'`);
    return value;
  });
}

export function textArgument(what: string, value: Value | undefined): string {
  const text = plain(present(value ?? new Undefined(`${what} is missing an argument`)));
  return typeof text === "string" ? text : fail(`${what} expected a str, received ${typeName(text)}`);
}

/** An int, of a range in which a number is exact. */
export function integerArgument(what: string, value: Value | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = typeof value === "boolean" ? BigInt(value) : present(value);
  if (typeof number !== "bigint") return fail(`${what} expected an int, received ${typeName(value)}`);
  const limit = 2n ** 52n;
  return Number(number > limit ? limit : number < -limit ? -limit : number);
}
