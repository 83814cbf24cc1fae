/** What the arguments of this package's public functions must be. */
import { DynamoError, type ModelFiles, type Runtime } from "@dynamo/core";
import { checkValue, hasMethods, valueCheck, whole } from "@dynamo/core/options";
export { configCheck, tokenHeadsCheck } from "./architectures/config-check.js";

export const runtimeCheck = valueCheck<Runtime>("a runtime, as createNodeRuntime() makes it", (value) =>
  hasMethods(value, "createSession", "device"),
);

export const filesCheck = valueCheck<ModelFiles>(
  "a model's files { location, size, read, readRange }",
  (value) => hasMethods(value, "size", "read", "readRange") && typeof (value as ModelFiles).location === "string",
);

export const folderCheck = valueCheck<string>(
  "a folder's path",
  (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
);

export const sourceCheck = valueCheck<string | ModelFiles>(
  "a folder's path or web address, a model of the hub (hf:owner/name), or a model's files { location, size, read, readRange }",
  (value) => folderCheck.accepts(value) || filesCheck.accepts(value),
);

/** A run's configuration takes negative ones too. */
export const seedCheck = valueCheck<number>("a whole number", Number.isSafeInteger);

/** No tensor of a model is larger. */
const maxElements = 2 ** 32;

/** Throws `invalid-argument` unless it is the shape of a tensor that can be. */
export function checkShape(shape: unknown): asserts shape is readonly number[] {
  const isShape = (value: unknown): boolean =>
    Array.isArray(value) &&
    Array.from(value).every(whole(0, maxElements).accepts) &&
    value.reduce((product: number, dimension: number) => product * dimension, 1) <= maxElements;
  checkValue("shape", shape, valueCheck("a list of dimensions, of at most 2^32 elements together", isShape));
}

/** Throws `invalid-argument` unless a matrix has so many elements. */
export function checkMatrix(matrix: Float32Array, rows: number, columns: number): void {
  checkValue("rows", rows, whole(0));
  checkValue("columns", columns, whole(0));
  if (matrix instanceof Float32Array && matrix.length === rows * columns) return;
  throw new DynamoError("invalid-argument", `expected a Float32Array of rows x columns, ${rows} x ${columns} elements`);
}
