/** What becomes of every key of a configuration file: none that could change the text is passed over in silence. */
import { describeName, describeValue } from "@dynamo/core/options";

/**
 * `read`: the file's reader makes something of it, and says so itself when it cannot. `neutral`: the text is the same
 * whatever the value. Else it is neutral at some values, and a warning names any other, with what it does not do.
 */
export type KeyRule =
  | "read"
  | "neutral"
  | { readonly neutral: (value: unknown, json: Readonly<Record<string, unknown>>) => boolean; readonly lost: string };

export type KeyRules = Readonly<Record<string, KeyRule>>;

/** A rule for a key that does nothing at this value. */
export const unless = (value: unknown, lost: string): KeyRule => ({ neutral: (received) => received === value, lost });

/** A rule for a key that does something at any value but null. */
export const lost = (what: string): KeyRule => ({ neutral: () => false, lost: what });

export const warning = (file: string, key: string, value: unknown, why: string): string =>
  `${file}: ${describeName(key)} ${describeValue(value)} is not applied: ${why}`;

/** Warnings for what the rules do not make neutral. null is no value, in every file of Hugging Face's. */
export function keyWarnings(file: string, json: Readonly<Record<string, unknown>>, rules: KeyRules): string[] {
  return Object.entries(json).flatMap(([key, value]) => {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (value === null || rule === "read" || rule === "neutral") return [];
    if (rule === undefined) return [warning(file, key, value, "this key is not known here")];
    return rule.neutral(value, json) ? [] : [warning(file, key, value, rule.lost)];
  });
}
