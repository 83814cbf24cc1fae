import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashText, splitOf } from "./split.js";

describe("splitOf", () => {
  it("holds out about the fraction asked for", () => {
    const heldOut = Array.from({ length: 20_000 }, (_, i) => splitOf(`document ${i}`, 0.03)).filter(
      (s) => s === "held-out",
    );
    // 600 expected; the standard deviation is 24.
    expect(Math.abs(heldOut.length - 600)).toBeLessThan(120);
  });

  it("is decided by the text alone, and a larger fraction only adds documents", () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 0, max: 0.5, noNaN: true }), (text, fraction) => {
        expect(splitOf(text, fraction)).toBe(splitOf(text, fraction));
        if (splitOf(text, fraction) === "held-out") expect(splitOf(text, fraction + 0.4)).toBe("held-out");
      }),
    );
  });

  it("is the first four bytes of the SHA-256, so that other programs can agree with it", () => {
    // sha256("abc") begins with ba7816bf.
    expect(hashText("abc")).toBe(0xba7816bf / 2 ** 32);
    expect(splitOf("abc", 0)).toBe("train");
  });
});
