/** Token ids as callers hand them over. */
import { valueCheck } from "@dynamo/core/options";

/** An array or a typed one of numbers: what is in it is looked at where it is used. */
export const tokenList = valueCheck<ArrayLike<number>>("a list of token ids", (value) => {
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && !(value instanceof DataView))) return false;
  const list = value as unknown as ArrayLike<unknown>;
  return list.length === 0 || typeof list[0] === "number";
});
