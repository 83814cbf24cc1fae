import { expect, test } from "vitest";
import { benches } from "./bench.js";
import { parseOptions } from "./options.js";

test("without names runs every bench", () => {
  expect(parseOptions([])).toEqual({
    names: Object.keys(benches),
    quick: false,
    list: false,
    json: undefined,
    models: new Map(),
  });
});

test("takes names and options in any order", () => {
  expect(parseOptions(["--quick", "peer", "--json", "out.json", "decode-step"])).toEqual({
    names: ["peer", "decode-step"],
    quick: true,
    models: new Map(),
    list: false,
    json: "out.json",
  });
});

test("takes models by name", () => {
  const { models } = parseOptions(["embedded-speed", "--model", "mine=./run/model", "--model", "b=x=y"]);
  expect([...models]).toEqual([
    ["mine", "./run/model"],
    ["b", "x=y"],
  ]);
  expect(() => parseOptions(["--model", "mine"])).toThrow('expected name=folder, received "mine"');
});

test("refuses what it does not know, naming it", () => {
  expect(() => parseOptions(["speed"])).toThrow('no bench is called "speed"');
  expect(() => parseOptions(["--fast"])).toThrow("--fast");
});
