/** What is wrong with a configuration, an option at a time: what was expected, what was received, which option may be meant. */
import { describeValue, nearestName } from "@dynamo/core/options";
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

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
    return [`${path.map(String).join(".")}: ${expected}, received ${describeValue(valueAt(json, path))}`];
  });
}

function unknownOption(key: string, path: readonly PropertyKey[], namesAt: NamesAt): string {
  const name = [...path, key].join(".");
  const near = nearestName(key, namesAt(path));
  return `${name}: there is no such option${near === undefined ? "" : `, did you mean ${near}?`}`;
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    json,
  );
}
