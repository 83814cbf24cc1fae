/** Lists and ranges of numbers on the command line. */
import { expect, test } from "vitest";
import { parseNumbers as numbers } from "./numbers.js";

test("lists and ranges, ends included", () => {
  expect(numbers("0,0.5,1")).toEqual([0, 0.5, 1]);
  expect(numbers("0.3")).toEqual([0.3]);
  expect(numbers("0:1:0.25")).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(numbers("0:1:0.02")).toHaveLength(51);
  expect(numbers("0:1:0.1")[3]).toBe(0.3);
  expect(numbers("0:0.5:0.2")).toEqual([0, 0.2, 0.4]);
});

test.each(["", "0,", "a", "0:1", "0:1:0", "1:0:0.1", "0:1:1e-9", "0:1:0.1:2"])("%j is neither", (text) => {
  expect(() => numbers(text)).toThrow("expected");
});
