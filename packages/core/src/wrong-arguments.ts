/** Public functions in the hands of plain JavaScript, for tests: right arguments, and what happens when a part of them is wrong. */
import { DynamoError } from "./errors.js";
import { isPlainObject } from "./value-checks.js";

/** A public function, and arguments that it takes. */
export interface PublicCall {
  /** The function, or a call of it. It does no harm, whatever it is given: write only into folders of the test. */
  readonly call: (...given: never[]) => unknown;
  /** Arguments that it takes. */
  readonly right: readonly unknown[];
  /** Where options are in `right`: an option that is unknown there has to be refused by name. */
  readonly options?: readonly Place[];
}

/** Where a part of arguments is: the argument's index, then names and indices within it. */
export type Place = readonly (string | number)[];

/**
 * What came of a call, of the promise that it returned and of the first items of an iterator: "settled", or the code of
 * the DynamoError that it was refused with. For tests with arbitrary arguments: every other error is thrown on.
 */
export async function settledOrRefused(call: () => unknown): Promise<string> {
  const refusal = await refusalOf(call);
  return refusal?.code ?? "settled";
}

/** Calls with `wrong` in place of each part of the arguments in turn. Throws what is no DynamoError, with its place. */
export async function callWithEachPartWrong({ call, right }: PublicCall, wrong: unknown): Promise<void> {
  for (const place of placesOf(right)) {
    const given = withPart(right, place, wrong) as never[];
    await settledOrRefused(() => call(...given)).catch((cause: unknown) => {
      throw new Error(`argument ${place.join(".")}: ${String(cause)}`, { cause });
    });
  }
}

/** The messages about an unknown option, one for each place of options: "taken" where there is none. */
export async function callWithUnknownOptions(
  { call, right, options = [] }: PublicCall,
  name: string,
): Promise<string[]> {
  const messages: string[] = [];
  for (const place of options) {
    const given = withPart(right, [...place, name], 1) as never[];
    const refusal = await refusalOf(() => call(...given));
    messages.push(refusal?.code === "invalid-argument" ? refusal.message : "taken");
  }
  return messages;
}

/** The names of a module's functions, so that a table of calls can be held against it. */
export function functionNames(module: object): string[] {
  return Object.entries(module).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
}

/** Every part of the arguments. An object with methods is whole: it is a contract, not a record. */
function placesOf(value: unknown, place: Place = []): Place[] {
  const own = place.length === 0 ? [] : [place];
  if (!isRecord(value) || place.length > 4) return own;
  const inner = Object.entries(value).flatMap(([name, part]) => placesOf(part, [...place, name]));
  return [...own, ...inner];
}

function withPart(value: unknown, [name, ...rest]: Place, part: unknown): unknown {
  if (name === undefined) return part;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>;
  copy[name] = withPart(copy[name], rest, part);
  return copy;
}

function isRecord(value: unknown): value is object {
  if (Array.isArray(value)) return true;
  return isPlainObject(value) && !Object.values(value as object).some((part) => typeof part === "function");
}

async function refusalOf(call: () => unknown): Promise<DynamoError | undefined> {
  try {
    const result = await call();
    if (typeof result === "object" && result !== null && Symbol.asyncIterator in result) {
      let items = 0;
      for await (const _ of result as AsyncIterable<unknown>) if (++items === 3) break;
    }
    return undefined;
  } catch (error) {
    if (DynamoError.is(error) && error.message.length < 2000) return error;
    throw error;
  }
}
