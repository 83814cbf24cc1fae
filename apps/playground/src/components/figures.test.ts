import { describe, expect, it } from "vitest";
import { count, figure, percent } from "./figures.js";

describe("figures", () => {
  it("have three significant digits", () => {
    expect([0, 0.012345, 1.2345, 123.45, 12345, NaN].map(figure)).toEqual([
      "0",
      "0.0123",
      "1.23",
      "123",
      "12,345",
      "–",
    ]);
    expect(percent(0.5)).toBe("50 %");
  });

  it("have plurals", () => {
    expect([count(1, "pass"), count(2, "pass"), count(1234, "token")]).toEqual(["1 pass", "2 passes", "1,234 tokens"]);
  });
});
