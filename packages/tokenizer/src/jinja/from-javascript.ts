/** The caller's values as a template's: a deep copy, so that nothing of the caller's can be reached. */
import { DynamoError } from "@dynamo/core";
import { describeName, describeValue } from "@dynamo/core/options";
import { maxNesting, type Budget } from "./budget.js";
import { Dict, type Value } from "./values.js";

/**
 * JSON's values, Maps and bigints. A whole number becomes an int, as JSON has no other; an `undefined` property is left out.
 * Throws `invalid-argument` for functions, symbols and other objects, naming the place.
 */
export function fromJavaScript(value: unknown, place: string, budget: Budget, depth = 0): Value {
  budget.spend();
  if (depth > maxNesting)
    throw new DynamoError(
      "invalid-argument",
      `${place.slice(0, 100)}…: expected values nested at most ${maxNesting} deep`,
    );
  switch (typeof value) {
    case "boolean":
    case "bigint":
      return value;
    case "string":
      return budget.text(value);
    case "number":
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    default:
  }
  const inner = (item: unknown, key: string): Value =>
    fromJavaScript(item, `${place}.${describeName(key)}`, budget, depth + 1);
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return Array.from(value, (item: unknown, i) => inner(item, String(i)));
  if (value instanceof Map)
    return new Dict(
      [...value].map(
        ([key, item]) => [inner(key, "key"), inner(item, typeof key === "string" ? key : describeValue(key))] as const,
      ),
    );
  if (isRecord(value))
    return new Dict(
      Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [key, inner(item, key)] as const),
    );
  throw new DynamoError("invalid-argument", `${place}: expected JSON's values, received ${describeValue(value)}`);
}

/** A plain object, of whichever realm. */
function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
