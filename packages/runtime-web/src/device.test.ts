import { describe, expect, it } from "vitest";
import { sessionMemory } from "./device.js";

describe("sessionMemory", () => {
  it("is all that WASM can address where the browser says nothing", () => {
    expect(sessionMemory({ deviceMemory: undefined })).toBe(2 ** 32);
  });

  it("is the machine's where that is less", () => {
    expect(sessionMemory({ deviceMemory: 8 })).toBe(2 ** 32);
    expect(sessionMemory({ deviceMemory: 0.5 })).toBe(2 ** 29);
  });
});
