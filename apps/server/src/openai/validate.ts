/** Values from outside against their schemas. */
import type { core, ZodType } from "zod";
import { ApiError } from "./errors.js";

export type Validator = (data: unknown) => { value: unknown } | { error: Error };

/** Throws nothing: Fastify hands the error on. */
export function validatorOf(schema: ZodType): Validator {
  return (data) => {
    try {
      return { value: validated(schema, data) };
    } catch (error) {
      return { error: error as ApiError };
    }
  };
}

/** Throws ApiError 400, which names the field. */
export function validated<Value>(schema: ZodType<Value>, data: unknown): Value {
  const { error, data: value } = schema.safeParse(data);
  if (error === undefined) return value;
  const issue = error.issues.map((each) => innermost(each)).at(0);
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].map(String).join(".");
  const what = unknown === undefined ? (issue?.message ?? "no valid body") : "this parameter is not supported";
  throw new ApiError(400, path === "" ? what : `${path}: ${what}`, { param: path === "" ? null : path });
}

type Issue = core.$ZodIssue;

/** Of a value that is none of several kinds: what is wrong with it as the kind that it is most like. */
function innermost(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const inner = issue.errors
    .map(([first]) => first && innermost({ ...first, path: [...issue.path, ...first.path] }))
    .filter((each): each is Issue => each !== undefined && each.path.length > issue.path.length)
    .sort((one, other) => other.path.length - one.path.length);
  return inner[0] ?? issue;
}
