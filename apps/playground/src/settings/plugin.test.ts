import { describe, expect, it } from "vitest";
import { strategyIn } from "./plugin.js";

describe("a plugin's strategy", () => {
  const own = { name: "own", step: () => ({ tokens: [1] }) };

  it("is what the module's default export makes, or is", () => {
    expect(strategyIn({ default: () => own }, "own.js")).toBe(own);
    expect(strategyIn({ default: own }, "own.js")).toBe(own);
  });

  it("is refused in the words of every other place, with what was there instead", () => {
    expect(() => strategyIn({ strategy: own }, "own.js")).toThrow(
      /^own\.js: expected `export default .* received exports strategy and no default$/,
    );
  });
});
