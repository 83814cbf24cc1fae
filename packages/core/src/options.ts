/**
 * @dynamo/core/options: arguments and options of public functions, checked for callers in plain JavaScript. No option is
 * ever ignored: an unknown one is refused, with the name that was probably meant and all that there are.
 */
import { describeName, describeValue } from "./describe-value.js";
import { DynamoError } from "./errors.js";
import { nearestName } from "./nearest-name.js";
import { checkValue, isPlainObject, valueCheck, type ValueCheck } from "./value-checks.js";

export { describeName, describeValue } from "./describe-value.js";
export { nearestName } from "./nearest-name.js";
export {
  abortSignal,
  callback,
  checkValue,
  either,
  finite,
  flag,
  folderCheck,
  hasMethods,
  isPlainObject,
  listOf,
  numberAbove,
  numberFrom,
  numberIn,
  oneOf,
  pathCheck,
  plainObject,
  someText,
  text,
  valueCheck,
  whole,
} from "./value-checks.js";
export { languageModel, strategy } from "./contract-checks.js";
export type { ValueCheck } from "./value-checks.js";

/** A check of every option, by name: TypeScript refuses a table that lacks one. Mark the mandatory ones with `required`. */
export type OptionChecks<Options> = {
  readonly [Name in keyof Options]-?: OptionCheck<NonNullable<Options[Name]>> &
    (object extends Pick<Options, Name> ? unknown : { readonly required: true });
};

/** A value's check, or with `members` that of an options object within the options. */
export interface OptionCheck<Value = unknown> extends ValueCheck<Value> {
  readonly required?: boolean;
  readonly members?: Readonly<Record<string, OptionCheck>>;
}

/** An option that must be there. */
export const required = <Value>(check: ValueCheck<Value>): OptionCheck<Value> & { readonly required: true } => ({
  ...check,
  required: true,
});

/** An options object within the options, e.g. `stop: { strings, ids }`. */
export function members<Options extends object>(checks: OptionChecks<Options>): OptionCheck<Options> {
  const named = checks as Readonly<Record<string, OptionCheck>>;
  return { ...valueCheck(`an object { ${Object.keys(named).join(", ")} }`, isPlainObject), members: named };
}

/** Where an option belongs that is none here, by its name: completes "it …", e.g. "belongs to a strategy". */
export type Misplaced = Readonly<Record<string, string>>;

/**
 * Throws `invalid-argument` unless `options` is a plain object of known options that pass their checks; one that is
 * undefined is not given. `where` names the function, e.g. "generate()".
 */
export function checkOptions<Options extends object>(
  where: string,
  options: unknown,
  checks: OptionChecks<Options>,
  misplaced: Misplaced = {},
): void {
  if (!isPlainObject(options)) fail(`${where}: options must be a plain object, received ${describeValue(options)}`);
  checkMembers(where, options as Record<string, unknown>, checks, {
    misplaced,
    path: "",
  });
}

function checkMembers(
  where: string,
  options: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, OptionCheck>>,
  { misplaced, path }: { readonly misplaced: Misplaced; readonly path: string },
): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(checks, name) && options[name] !== undefined)
      fail(`${where} has no option ${describeName(path + name)}: ${hint(name, path, Object.keys(checks), misplaced)}`);
  }
  for (const [name, check] of Object.entries(checks)) {
    const value = options[name];
    if (value === undefined && check.required !== true) continue;
    checkValue(path + name, value, check);
    if (check.members !== undefined)
      checkMembers(where, value as Record<string, unknown>, check.members, { misplaced: {}, path: `${path}${name}.` });
  }
}

function hint(name: string, path: string, known: readonly string[], misplaced: Misplaced): string {
  const nearest = nearestName(name, known);
  const all = `expected one of ${known.map((each) => path + each).join(", ")}`;
  if (Object.hasOwn(misplaced, name)) return `it ${misplaced[name] as string}; ${all}`;
  return nearest === undefined ? all : `did you mean ${path}${nearest}? ${all}`;
}

function fail(message: string): never {
  throw new DynamoError("invalid-argument", message);
}
