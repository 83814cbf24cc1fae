import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementCount, tensor } from "./tensor.js";

const invalid: unknown = expect.objectContaining({ code: "invalid-argument" });

describe("elementCount", () => {
  it("is the product of the dims, 1 for a scalar", () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([2, 3, 4])).toBe(24);
    expect(elementCount([7, 0])).toBe(0);
  });

  it.each([[[-1]], [[1.5]], [[NaN]], [[Infinity]], [[2 ** 53]], [[2 ** 30, 2 ** 30]]])("refuses %j", (dims) => {
    expect(() => elementCount(dims)).toThrow(invalid);
  });

  it("gives a whole number or refuses, whatever the dims", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.double(), fc.integer(), fc.maxSafeNat()), { maxLength: 6 }), (dims) => {
        try {
          expect(Number.isSafeInteger(elementCount(dims))).toBe(true);
        } catch (error) {
          expect(error).toEqual(invalid);
        }
      }),
    );
  });
});

describe("tensor", () => {
  it("is zeros without data", () => {
    expect([...tensor("int64", [2]).data]).toEqual([0n, 0n]);
  });

  it("holds the data it is given, not a copy", () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const held = tensor("float32", [2, 3], data);
    expect(held.data).toBe(data);
    expect([held.dtype, held.dims, held.location]).toEqual(["float32", [2, 3], "cpu"]);
  });

  it("refuses data of another length", () => {
    expect(() => tensor("uint8", [2, 2], new Uint8Array(3))).toThrow(/needs 4 elements, received 3/);
  });

  it("has no data after it was disposed, also when disposed twice", () => {
    const gone = tensor("bool", [1]);
    gone.dispose();
    gone.dispose();
    expect(() => gone.data).toThrow(invalid);
  });
});
