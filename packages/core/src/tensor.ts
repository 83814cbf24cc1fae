/** The tensor interface: dtype, dims, data, place, and explicit disposal. */
import { DynamoError } from "./errors.js";
import { allocate, type DType, type TypedArray, type TypedArrays } from "./dtype.js";
import { checkValue, valueCheck } from "./value-checks.js";

/**
 * A dense, row-major tensor. Whoever receives a tensor from a call owns it and disposes it; a tensor that is passed in
 * stays its caller's. On the CPU `dispose` only drops the reference; on a device it frees memory, so call it in `finally`.
 */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly dims: readonly number[];
  /** `device` tensors live with the session that made them; their `data` throws. */
  readonly location: "cpu" | "device";
  /** The elements. Throws for a device tensor and after `dispose`. */
  readonly data: TypedArrays[D];
  dispose(): void;
}

const dimsCheck = valueCheck<readonly number[]>(
  "a list of whole numbers of at least 0",
  (value) => Array.isArray(value) && value.length <= 64 && Array.from(value).every((dim) => typeof dim === "number"),
);
const typedArray = valueCheck<TypedArray>("a typed array", (value) => ArrayBuffer.isView(value) && "length" in value);

/** Elements in a tensor of these dims; throws `invalid-argument` unless each is a whole number of at least 0. */
export function elementCount(dims: readonly number[]): number {
  checkValue("tensor dims", dims, dimsCheck);
  let count = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new DynamoError(
        "invalid-argument",
        `tensor dims must be whole numbers of at least 0, received [${dims.join(", ")}]`,
      );
    }
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) {
    throw new DynamoError(
      "invalid-argument",
      `a tensor of dims [${dims.join(", ")}] has more elements than can be counted`,
    );
  }
  return count;
}

/** A CPU tensor over `data` (not copied), or zeros when no data is given. */
export function tensor<D extends DType>(
  dtype: D,
  dims: readonly number[],
  data: TypedArrays[D] = allocate(dtype, elementCount(dims)),
): Tensor<D> {
  const expected = elementCount(dims);
  checkValue("data", data, typedArray);
  if (data.length !== expected) {
    throw new DynamoError(
      "invalid-argument",
      `a tensor of dims [${dims.join(", ")}] needs ${expected} elements, received ${data.length}`,
    );
  }
  let held: TypedArrays[D] | undefined = data;
  return {
    dtype,
    dims,
    location: "cpu",
    get data(): TypedArrays[D] {
      if (held === undefined) throw new DynamoError("invalid-argument", "this tensor has been disposed");
      return held;
    },
    dispose(): void {
      held = undefined;
    },
  };
}
