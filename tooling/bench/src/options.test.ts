import { expect, test } from "vitest";
import { benches } from "./bench.js";
import { parseOptions } from "./options.js";

test("without names runs every bench", () => {
  expect(parseOptions([])).toEqual({ names: Object.keys(benches), quick: false, list: false, json: undefined });
});

test("takes names and options in any order", () => {
  expect(parseOptions(["--quick", "peer", "--json", "out.json", "decode-step"])).toEqual({
    names: ["peer", "decode-step"],
    quick: true,
    list: false,
    json: "out.json",
  });
});

test("refuses what it does not know, naming it", () => {
  expect(() => parseOptions(["speed"])).toThrow('no bench is called "speed"');
  expect(() => parseOptions(["--fast"])).toThrow("--fast");
});
