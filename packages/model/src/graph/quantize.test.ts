import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockSize, dequantize, quantize } from "./quantize.js";

const matrix = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 80 })).chain(([rows, columns]) =>
  fc.record({
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    values: fc.float32Array({
      minLength: rows * columns,
      maxLength: rows * columns,
      noNaN: true,
      noDefaultInfinity: true,
      min: -8,
      max: 8,
    }),
  }),
);

describe("quantize", () => {
  for (const bits of [4, 8] as const) {
    it(`is off by at most one step of its block with ${bits} bits`, () => {
      fc.assert(
        fc.property(matrix, ({ rows, columns, values }) => {
          const quantized = quantize(values, rows, columns, bits);
          const back = dequantize(quantized, rows, columns, bits);
          const blocks = Math.ceil(columns / blockSize);
          for (let i = 0; i < values.length; i++) {
            const block = Math.floor(i / columns) * blocks + Math.floor((i % columns) / blockSize);
            const step = Math.abs(quantized.scales[block] as number);
            // Half a step for rounding; a whole one where the code of the opposite extreme is clipped.
            expect(Math.abs((back[i] as number) - (values[i] as number))).toBeLessThanOrEqual(step * 1.0001 + 1e-30);
          }
        }),
      );
    });
  }

  it("keeps the element of the largest magnitude exactly", () => {
    const back = dequantize(quantize(Float32Array.of(0.5, -2, 1), 1, 3, 4), 1, 3, 4);
    expect([...back]).toEqual([0.5, -2, 1]);
  });

  it("puts the even element into the low half of its byte", () => {
    const { values } = quantize(Float32Array.of(-8, 7), 1, 2, 4);
    expect(values[0]).toBe(0x0 | (15 << 4));
  });

  it("makes zeros of zeros", () => {
    expect(dequantize(quantize(new Float32Array(40), 1, 40, 8), 1, 40, 8).every((value) => value === 0)).toBe(true);
  });
});
