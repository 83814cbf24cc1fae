import { describe, expect, it } from "vitest";
import { checkBufferSize, largestInitializer } from "./largest-initializer.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A protobuf field of bytes, below 128 of them. */
const field = (number: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const value = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(number * 8 + 2, value.length), value]);
};

const stored = (name: string, bytes: number): Uint8Array =>
  field(5, field(8, text(name)), field(9, new Uint8Array(bytes)));
const external = (name: string, bytes: number): Uint8Array =>
  field(
    5,
    field(8, text(name)),
    field(13, field(1, text("location")), field(2, text("w"))),
    field(13, field(1, text("length")), field(2, text(String(bytes)))),
  );
const model = (...initializers: readonly Uint8Array[]): Uint8Array => field(7, ...initializers);

describe("largestInitializer", () => {
  it("finds it among those in the file", () => {
    expect(largestInitializer(model(stored("a", 4), stored("b", 12), stored("c", 8)))).toEqual({
      name: "b",
      bytes: 12,
    });
  });

  it("finds it among those beside the file", () => {
    expect(largestInitializer(model(stored("a", 12), external("b", 6e9)))).toEqual({ name: "b", bytes: 6e9 });
  });

  it("finds none in a graph without, and in other bytes", () => {
    expect(largestInitializer(model())).toBeUndefined();
    expect(largestInitializer(text("no graph at all"))).toBeUndefined();
  });
});

describe("checkBufferSize", () => {
  it("takes what fits into one buffer, and refuses more", () => {
    const graph = model(external("/stem/embed_in", 3e8));
    expect(() => checkBufferSize(graph, 3e8)).not.toThrow();
    expect(() => checkBufferSize(graph, 256e6)).toThrow(expect.objectContaining({ code: "out-of-memory" }));
    expect(() => checkBufferSize(graph, 256e6)).toThrow(/embed_in has 300\.0 MB.*at most 256\.0 MB.*q8 or q4.*wasm/);
  });
});
