/** A job's result as JSON, which has no NaN: it would come back as null, and be counted as something else. */
import { DynamoError } from "@dynamo/core";

/** Throws `runtime` that names the job and the place of a number that is not finite. */
export function resultText(index: number, result: unknown): string {
  return JSON.stringify(result, (name, value: unknown) => {
    if (typeof value !== "number" || Number.isFinite(value)) return value;
    throw new DynamoError(
      "runtime",
      `job ${index} has a result that is no number: expected finite ones, ${name} is ${value}`,
    );
  });
}
