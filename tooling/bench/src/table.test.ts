import { expect, test } from "vitest";
import { formatTable } from "./table.js";

test("aligns numbers to the right and rounds them to four digits", () => {
  const text = formatTable([
    { shape: "70M", "median ms": 9.61234, steps: 100 },
    { shape: "160M q4", "median ms": 12.5, steps: 20 },
  ]);
  expect(text.split("\n")).toEqual([
    "shape    median ms  steps",
    "-------  ---------  -----",
    "70M          9.612    100",
    "160M q4       12.5     20",
  ]);
});

test("leaves a missing cell empty and survives no rows", () => {
  expect(formatTable([{ a: 1, b: "x" }, { a: 2 }])).toBe("a  b\n-  -\n1  x\n2");
  expect(formatTable([])).toBe("\n");
});
