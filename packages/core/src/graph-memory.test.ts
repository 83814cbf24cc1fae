import { describe, expect, it } from "vitest";
import { checkGraphMemory } from "./graph-memory.js";

describe("checkGraphMemory", () => {
  const device = "wasm";
  const memory = 4e9;

  it("takes a graph that fits twice", () => {
    expect(() => checkGraphMemory({ graph: 2e9, externalData: 0 }, { device, memory })).not.toThrow();
  });

  it("counts external data once", () => {
    expect(() => checkGraphMemory({ graph: 1e9, externalData: 2e9 }, { device, memory })).not.toThrow();
    expect(() => checkGraphMemory({ graph: 1e9, externalData: 2e9 + 1 }, { device, memory })).toThrow(/has 3.00 GB/);
  });

  it("says what the graph has, what it needs, what there is, and what to choose", () => {
    const check = (): void => checkGraphMemory({ graph: 2.5e9, externalData: 0 }, { device, memory });
    expect(check).toThrow(expect.objectContaining({ code: "out-of-memory" }));
    expect(check).toThrow(/2\.50 GB.*needs about 5\.00 GB.*at most 4\.00 GB on wasm.*q8 or q4.*Node/);
  });

  it("refuses nothing where the memory is unknown", () => {
    expect(() => checkGraphMemory({ graph: 1e15, externalData: 0 }, { device: "cpu" })).not.toThrow();
  });
});
