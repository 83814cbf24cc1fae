/** What callers in plain JavaScript hand to a runtime, before it goes to the worker. */
import type { CacheLayout, CacheTensor, Feeds, GraphSource, SessionOptions, Tensor } from "@dynamo/core";
import { isPlainObject, listOf, text, valueCheck, whole, type OptionChecks } from "@dynamo/core/options";

const isBytes = (value: unknown): boolean => value instanceof Uint8Array;

function isExternalData(value: unknown): boolean {
  const { path, data } = (value ?? {}) as { readonly path?: unknown; readonly data?: unknown };
  return typeof path === "string" && isBytes(data);
}

export const graphCheck = valueCheck<GraphSource>("a graph { path } or { bytes, externalData? }", (value) => {
  if (!isPlainObject(value)) return false;
  const { path, bytes, externalData = [] } = value as Readonly<Record<string, unknown>>;
  if (path !== undefined) return typeof path === "string" && path !== "" && !path.includes("\0");
  return isBytes(bytes) && Array.isArray(externalData) && Array.from(externalData).every(isExternalData);
});

export const namesCheck = listOf(text, "a list of names");

export const sessionChecks: OptionChecks<SessionOptions> = { deviceOutputs: namesCheck };

const isCacheTensor = (value: unknown): boolean =>
  isPlainObject(value) && typeof (value as CacheTensor).name === "string";

/** The worker looks at its numbers. */
export const layoutCheck = valueCheck<CacheLayout>(
  "a cache's layout { tensors, delta, dtype, rows, maxLength }",
  (value) =>
    isPlainObject(value) &&
    typeof (value as CacheLayout).delta === "string" &&
    Array.isArray((value as CacheLayout).tensors) &&
    Array.from((value as CacheLayout).tensors).every(isCacheTensor),
);

const dimension = whole(0);

function isTensor(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { dtype, dims, data } = value as Tensor;
  const view: unknown = data;
  return (
    typeof dtype === "string" &&
    Array.isArray(dims) &&
    Array.from(dims).every(dimension.accepts) &&
    ArrayBuffer.isView(view) &&
    !(view instanceof DataView)
  );
}

/** A tensor that has been disposed says so itself, when its data is asked for. */
export const tensorsCheck = valueCheck<Feeds>(
  "tensors by name, each as tensor() makes it",
  (value) => isPlainObject(value) && Object.values(value as object).every(isTensorOrGone),
);

function isTensorOrGone(value: unknown): boolean {
  try {
    return isTensor(value);
  } catch {
    return true;
  }
}
