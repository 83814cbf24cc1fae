/** What is wrong with a configuration, an option at a time: what was expected, what was received, which option may be meant. */
import { describeName, describeValue, nearestName } from "@dynamo/core/options";
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** The names that an object at a place may have. */
type NamesAt = (path: readonly PropertyKey[]) => readonly string[];

/** Another object than a configuration has a problem with each of its members: these are told. */
const mostProblems = 10;
const mostCharacters = 60;

/** One text for each problem, of many only the first; `json` is what was checked. */
export function describeProblems(issues: readonly Issue[], json: unknown, namesAt: NamesAt): string[] {
  const problems = issues.flatMap((issue) => {
    const { path, message } = issue;
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownOption(key, path, namesAt));
    if (path.length === 0) return [message];
    const expected = message
      .replace(/^(Invalid input|Invalid option|Too small|Too big): /, "")
      .replace(/, received .*$/, "");
    return [`${path.map(String).join(".")}: ${expected}, received ${describeValue(valueAt(json, path))}`];
  });
  const more = problems.length - mostProblems;
  return more > 0 ? [...problems.slice(0, mostProblems), `${more} more`] : problems;
}

function unknownOption(key: string, path: readonly PropertyKey[], namesAt: NamesAt): string {
  const name = [...path, key].join(".");
  const near = nearestName(key, namesAt(path));
  return `${name.length > mostCharacters ? describeName(name) : name}: there is no such option${near === undefined ? "" : `, did you mean ${near}?`}`;
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    json,
  );
}
