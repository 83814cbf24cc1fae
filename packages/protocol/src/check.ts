/** Data from the other end, against a schema: it may be damaged or hostile. */
import { DynamoError, type DynamoErrorCode } from "@dynamo/core";
import { checkValue, oneOf, text as textCheck } from "@dynamo/core/options";
import type { ZodType } from "zod";

/** Longest part of a foreign text that a message repeats. */
export const mostQuoted = 500;

/** Throws with the first place that is wrong; `what` is its name in the message. */
export function check<Value>(schema: ZodType<Value>, json: unknown, what: string, code: DynamoErrorCode): Value {
  const { data, error } = schema.safeParse(json);
  if (error === undefined) return data;
  const issue = error.issues[0];
  const place = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.map(String).join(".")}`;
  throw new DynamoError(code, `${what}${place}: ${(issue?.message ?? "no valid value").slice(0, mostQuoted)}`);
}

const codeCheck = oneOf<DynamoErrorCode>("invalid-argument", "invalid-file", "runtime");

/** Throws an error of this code (`invalid-argument`, `invalid-file`, `runtime`) for text that is no JSON. */
export function parseJson(text: string, what: string, code: DynamoErrorCode): unknown {
  checkValue("text", text, textCheck);
  checkValue("what", what, textCheck);
  checkValue("code", code, codeCheck);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DynamoError(code, `${what}: expected JSON, received ${JSON.stringify(text.slice(0, 80))}`, { cause });
  }
}
