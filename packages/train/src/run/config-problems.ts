/** What is wrong with a configuration, an option at a time: what was expected, what was received, which option may be meant. */
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** Longer values only hide the message that they stand in. */
const maxShown = 60;

/** The names that an object at a place may have. */
type NamesAt = (path: readonly PropertyKey[]) => readonly string[];

/** One text for each problem; `json` is what was checked. */
export function describeProblems(issues: readonly Issue[], json: unknown, namesAt: NamesAt): string[] {
  return issues.flatMap((issue) => {
    const { path, message } = issue;
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownOption(key, path, namesAt));
    if (path.length === 0) return [message];
    const expected = message
      .replace(/^(Invalid input|Invalid option|Too small|Too big): /, "")
      .replace(/, received .*$/, "");
    return [`${path.join(".")}: ${expected}, received ${shown(valueAt(json, path))}`];
  });
}

function unknownOption(key: string, path: readonly PropertyKey[], namesAt: NamesAt): string {
  const name = [...path, key].join(".");
  const near = nearest(key, namesAt(path));
  return `${name}: there is no such option${near === undefined ? "" : `, did you mean ${near}?`}`;
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    json,
  );
}

function shown(value: unknown): string {
  const text = (JSON.stringify(value) as string | undefined) ?? "nothing";
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}

/** The name that differs least, where that is no more than a third of it. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_]/g, "");
  const ranked = known
    .map((each) => ({ each, distance: editDistance(plain(name), plain(each)) }))
    .filter(({ each, distance }) => distance <= each.length / 3)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.each;
}

/** Letters to insert, delete or replace. A name that is very much longer than any option is not looked at whole. */
function editDistance(left: string, right: string): number {
  const letters = left.slice(0, 2 * right.length + 1);
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (const [i, letter] of Array.from(letters).entries()) {
    const next = [i + 1];
    for (let j = 0; j < right.length; j++) {
      const replaced = (row[j] as number) + (letter === right[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[right.length] as number;
}
