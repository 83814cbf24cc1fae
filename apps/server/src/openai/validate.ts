/** Values from outside against their schemas. */
import type { ZodType } from "zod";
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
  const issue = error.issues[0];
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].map(String).join(".");
  const what = unknown === undefined ? (issue?.message ?? "no valid body") : "this parameter is not supported";
  throw new ApiError(400, path === "" ? what : `${path}: ${what}`, { param: path === "" ? null : path });
}
