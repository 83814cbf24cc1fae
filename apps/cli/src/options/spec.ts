/**
 * Options as schemas: a flag's help, what it takes and the type of its value stand in one place, and a command's types, legal
 * values and errors come from there. A schema library would do it too, at 50 ms of each start of the command (measured: zod).
 */
import { nearestName } from "@dynamo/core/options";
import { InvalidArgumentError, Option } from "commander";

/** `Present`: a value is always there, given or by default. */
export interface OptionSpec<Value = unknown, Present extends boolean = boolean> {
  readonly help: string;
  readonly present: Present;
  /** What the help shows for the value; undefined: a flag without one. */
  readonly placeholder?: string;
  /** Throws InvalidArgumentError. `before`: the value so far, of an option that repeats. */
  readonly parse?: (text: string, before: unknown) => Value;
  readonly choices?: readonly string[];
  readonly fallback?: Value;
  /** The flag is --no-…, and the value true without it. */
  readonly negated?: boolean;
}

/** By the names that the values have in code: `maxNewTokens` is --max-new-tokens. */
export type OptionSchema = Readonly<Record<string, OptionSpec>>;

type PresentKeys<Schema extends OptionSchema> = {
  [Key in keyof Schema]: Schema[Key] extends OptionSpec<unknown, true> ? Key : never;
}[keyof Schema];
type ValueOf<Spec> = Spec extends OptionSpec<infer Value> ? Value : never;

/** What a command line that fits the schema says. */
export type OptionsOf<Schema extends OptionSchema> = {
  readonly [Key in PresentKeys<Schema>]: ValueOf<Schema[Key]>;
} & { readonly [Key in Exclude<keyof Schema, PresentKeys<Schema>>]?: ValueOf<Schema[Key]> };

export const text = (placeholder: string, help: string): OptionSpec<string, false> => ({
  ...{ placeholder, help, present: false },
  parse: (given) => given,
});

/** A text that may be given several times. */
export const texts = (placeholder: string, help: string): OptionSpec<readonly string[], false> => ({
  ...{ placeholder, help, present: false },
  parse: (given, before) => [...((before as readonly string[] | undefined) ?? []), given],
});

/** One of several names. */
export const choice = <const Name extends string>(
  placeholder: string,
  names: readonly Name[],
  help: string,
): OptionSpec<Name, false> => ({
  ...{ placeholder, help, choices: names, present: false },
  parse: (given) => oneOf(names, given),
});

function oneOf<Name extends string>(names: readonly Name[], given: string): Name {
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  const near = nearestName(given, names);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw new InvalidArgumentError(`expected one of ${names.join(", ")}, received ${given}${hint}`);
}

/** One of several names, or a list of them with commas. */
export const choices = <const Name extends string>(
  placeholder: string,
  names: readonly Name[],
  help: string,
): OptionSpec<readonly Name[], false> => ({
  ...{ placeholder, help, choices: names, present: false },
  parse: (given) => given.split(",").map((name) => oneOf(names, name.trim())),
});

/** An object in JSON: options of something that this command does not know. */
export const jsonObject = (
  placeholder: string,
  help: string,
): OptionSpec<Readonly<Record<string, unknown>>, false> => ({
  ...{ placeholder, help, present: false },
  parse: parseObject,
});

/** Throws InvalidArgumentError. */
export function parseObject(given: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(given);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError(`expected a JSON object such as {"least": 0.5}, received ${given}`);
}

/** False until it is given. */
export const flag = (help: string): OptionSpec<boolean, true> => ({ help, present: true, fallback: false });

/** True when it is given, and else whatever a file says. */
export const optionalFlag = (help: string): OptionSpec<boolean, false> => ({ help, present: false });

/** True until its --no-… is given. */
export const unless = (help: string): OptionSpec<boolean, true> => ({ help, present: true, negated: true });

export const required = <Value>(spec: OptionSpec<Value, false>): OptionSpec<Value, true> => ({
  ...spec,
  present: true,
});

export const withDefault = <Value>(
  fallback: NoInfer<Value>,
  spec: OptionSpec<Value, false>,
): OptionSpec<Value, true> => ({ ...spec, present: true, fallback });

/** For commander, which reads the command line. */
export function toOption(name: string, spec: OptionSpec): Option {
  const { placeholder, help, parse, choices, fallback, negated = false, present } = spec;
  const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const flags = `--${negated ? "no-" : ""}${kebab}${placeholder === undefined ? "" : ` ${placeholder}`}`;
  const option = new Option(flags, help);
  if (choices !== undefined) option.choices(choices);
  if (parse !== undefined) option.argParser(parse);
  if (fallback !== undefined) option.default(fallback);
  // A flag and a --no-… have a value by themselves.
  else if (present && placeholder !== undefined) option.makeOptionMandatory();
  return option;
}
