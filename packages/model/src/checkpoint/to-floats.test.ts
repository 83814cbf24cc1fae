import { fromBfloat16, fromFloat16 } from "@dynamo/core";
import { describe, expect, it } from "vitest";
import { isWeightDType, toFloats } from "./to-floats.js";

const everyHalf = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);

describe("toFloats", () => {
  it.each([
    ["float16", fromFloat16],
    ["bfloat16", fromBfloat16],
  ] as const)("reads every %s, NaN, infinities and minus zero included", (dtype, read) => {
    const floats = toFloats(new Uint8Array(everyHalf.buffer), dtype);
    expect(floats).toEqual(Float32Array.from(everyHalf, read));
    expect(Object.is(floats[0x8000], -0)).toBe(true);
  });

  it.each(["float32", "float16", "bfloat16"] as const)("reads %s at any address", (dtype) => {
    const whole = new Uint8Array(8).map((_, i) => 40 + i);
    const expected = toFloats(whole, dtype);
    for (const shift of [1, 2, 3]) {
      const moved = new Uint8Array(8 + shift);
      moved.set(whole, shift);
      expect(toFloats(moved.subarray(shift), dtype)).toEqual(expected);
    }
  });

  it("reads float32 in place", () => {
    const values = Float32Array.of(1, -2.5);
    expect(toFloats(new Uint8Array(values.buffer), "float32").buffer).toBe(values.buffer);
  });

  it("makes nothing of nothing", () => {
    expect(toFloats(new Uint8Array(0), "bfloat16")).toHaveLength(0);
  });
});

describe("isWeightDType", () => {
  it("is true of the three types that weights are stored in", () => {
    expect((["float32", "float16", "bfloat16"] as const).every(isWeightDType)).toBe(true);
    expect((["int8", "float64", "bool"] as const).some(isWeightDType)).toBe(false);
  });
});
