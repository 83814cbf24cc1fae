import { describe, expect, it } from "vitest";
import { strategyIn } from "./plugin.js";

describe("a plugin's strategy", () => {
  const own = { name: "own", step: () => ({ tokens: [1] }) };

  it("is what the module exports, or makes", () => {
    expect(strategyIn({ strategy: own })).toBe(own);
    expect(strategyIn({ default: () => own })).toBe(own);
  });

  it("is refused where there is none, with what was there instead", () => {
    expect(() => strategyIn({ helper: 1 })).toThrow(/received exports helper/);
    expect(() => strategyIn({})).toThrow(/no export/);
    expect(() => strategyIn({ strategy: { name: "no step" } })).toThrow(/expected a module/);
  });
});
