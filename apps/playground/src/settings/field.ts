/** How a value of the page's state stands in a link. */
import type { ValueCheck } from "@dynamo/core/options";

export interface Field<Value> {
  readonly initial: Value;
  /** undefined for text that is no value of the field. */
  parse(text: string): Value | undefined;
  format(value: Value): string;
}

/** Links come from anywhere: longer prompts than this do not fit in one either. */
export const maxPromptLength = 20_000;

export const oneOf = <Name extends string>(names: readonly Name[], initial: Name): Field<Name> => ({
  initial,
  parse: (text) => names.find((name) => name === text),
  format: (value) => value,
});

export const text = (initial: string): Field<string> => ({
  initial,
  parse: (value) => value.slice(0, maxPromptLength).toWellFormed(),
  format: (value) => value,
});

export const flag = (initial: boolean): Field<boolean> => ({
  initial,
  parse: (value) => (value === "1" ? true : value === "0" ? false : undefined),
  format: (value) => (value ? "1" : "0"),
});

export function inRange(initial: number, [least, most]: readonly [number, number], whole: boolean): Field<number> {
  return {
    initial,
    parse(value) {
      const number = Number(value);
      const valid = value.trim() !== "" && number >= least && number <= most && (!whole || Number.isInteger(number));
      return valid ? number : undefined;
    },
    format: String,
  };
}

/** Nothing unless there is one in the link: then the model says. `check` is the library's own. */
export const optionalNumber = (check: ValueCheck<number>): Field<number | undefined> => ({
  initial: undefined,
  parse(value) {
    const number = Number(value);
    return value.trim() !== "" && check.accepts(number) ? number : undefined;
  },
  format: String,
});

/** As JSON; one without entries is none. */
export const optionalObject = <Value extends object>(check: ValueCheck<Value>): Field<Value | undefined> => ({
  initial: undefined,
  parse(value) {
    try {
      const object: unknown = JSON.parse(value);
      return check.accepts(object) && Object.keys(object).length > 0 ? object : undefined;
    } catch {
      return undefined;
    }
  },
  format: (value) => JSON.stringify(value),
});
