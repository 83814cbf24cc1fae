import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allocate, byteSize, fromBfloat16, fromFloat16, toFloat16, viewOf, type DType } from "./dtype.js";

const everyHalf = Array.from({ length: 2 ** 16 }, (_, bits) => bits);

describe("float16", () => {
  it("survives the way to float32 and back, all 65,536 of them", () => {
    const changed = everyHalf.filter((bits) => {
      const value = fromFloat16(bits);
      return Number.isNaN(value) ? !Number.isNaN(fromFloat16(toFloat16(value))) : toFloat16(value) !== bits;
    });
    expect(changed).toEqual([]);
  });

  it.each([
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ])("reads %i as %d", (bits, value) => {
    expect(fromFloat16(bits)).toBe(value);
  });

  it.each([
    ["a tie goes to the even neighbour below", 1 + 2 ** -11, 0x3c00],
    ["a tie goes to the even neighbour above", 1 + 3 * 2 ** -11, 0x3c02],
    ["just above a tie goes up", 1 + 2 ** -11 + 2 ** -20, 0x3c01],
    ["the largest that still rounds to 65504", 65519.99, 0x7bff],
    ["65520 overflows", 65520, 0x7c00],
    ["half of the smallest is a tie with zero", 2 ** -25, 0x0000],
    ["more than half of the smallest is the smallest", 2 ** -25 * 1.5, 0x0001],
    ["rounding carries from the subnormals into the normals", 1023.75 * 2 ** -24, 0x0400],
    ["minus zero", -0, 0x8000],
  ])("rounds: %s", (_, value, bits) => {
    expect(toFloat16(value)).toBe(bits);
  });

  it("never picks a neighbour that is farther away", () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = toFloat16(value);
        const distance = Math.abs(fromFloat16(bits) - value);
        for (const neighbour of [bits - 1, bits + 1]) {
          // Across a sign or the end of the numbers there is no neighbour.
          if ((neighbour & 0x8000) !== (bits & 0x8000) || (neighbour & 0x7c00) === 0x7c00 || neighbour < 0) continue;
          expect(distance).toBeLessThanOrEqual(Math.abs(fromFloat16(neighbour) - value));
        }
      }),
    );
  });
});

describe("bfloat16", () => {
  it("is the upper half of a float32", () => {
    const view = new DataView(new ArrayBuffer(4));
    const wrong = everyHalf.filter((bits) => {
      view.setUint32(0, bits * 2 ** 16);
      return !Object.is(fromBfloat16(bits), view.getFloat32(0));
    });
    expect(wrong).toEqual([]);
  });

  it.each([
    [0x3f80, 1],
    [0xc040, -3],
    [0x7f80, Infinity],
    [0x0001, 2 ** -133],
  ])("reads %i as %d", (bits, value) => {
    expect(fromBfloat16(bits)).toBe(value);
  });
});

describe("typed arrays", () => {
  const sizes: Record<DType, number> = {
    float32: 4,
    float64: 8,
    float16: 2,
    bfloat16: 2,
    int8: 1,
    uint8: 1,
    uint16: 2,
    int32: 4,
    uint32: 4,
    int64: 8,
    bool: 1,
  };

  it.each(Object.entries(sizes) as [DType, number][])("%s has %i bytes an element", (dtype, size) => {
    expect(byteSize(dtype)).toBe(size);
    const zeros = allocate(dtype, 3);
    expect(zeros.byteLength).toBe(3 * size);
    expect([...zeros].every((value) => Number(value) === 0)).toBe(true);
  });

  it("views a buffer in place", () => {
    const buffer = new ArrayBuffer(16);
    viewOf("float32", buffer, 8, 2).set([1.5, -2]);
    expect([...new Float32Array(buffer)]).toEqual([0, 0, 1.5, -2]);
  });
});
