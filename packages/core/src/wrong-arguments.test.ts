import { describe, expect, it } from "vitest";
import { checkOptions, checkValue, listOf, required, text, whole } from "./options.js";
import { callWithEachPartWrong, callWithUnknownOptions, functionNames } from "./testing.js";

const careful = (name: string, options: { lines: number[] }): number => {
  checkValue("name", name, text);
  checkOptions("careful()", options, { lines: required(listOf(whole(0), "a list of lines")) });
  return name.length;
};
const careless = (name: string, options: { lines: number[] }): number =>
  name.length + options.lines.reduce((sum, line) => sum + line.toFixed().length, 0);
const right = ["a", { lines: [1, 2] }];

describe("a call with each part wrong", () => {
  it("passes where wrong parts are refused", async () => {
    for (const wrong of [undefined, null, "b", -1, {}, [null]])
      await callWithEachPartWrong({ call: careful, right }, wrong);
  });

  it("fails with the place that raised something else", async () => {
    const wrong = callWithEachPartWrong({ call: careless, right }, null);
    await expect(wrong).rejects.toThrow(/^argument 0: TypeError/);
    await expect(callWithEachPartWrong({ call: careless, right }, "b")).rejects.toThrow(/^argument 1: TypeError/);
    const last = callWithEachPartWrong({ call: (line: number) => line.toFixed(), right: [2] }, "b");
    await expect(last).rejects.toThrow(/^argument 0: TypeError/);
  });

  it("leaves the right arguments as they are, and objects with methods whole", async () => {
    const seen: unknown[] = [];
    const contract = { run: () => 1, name: "a" };
    const given = [{ lines: [1] }, contract];
    await callWithEachPartWrong({ call: (...each: unknown[]) => seen.push(each), right: given }, "w");
    expect(seen).toEqual([
      ["w", contract],
      [{ lines: "w" }, contract],
      [{ lines: ["w"] }, contract],
      [{ lines: [1] }, "w"],
    ]);
    expect(given).toEqual([{ lines: [1] }, contract]);
  });
});

it("tells which unknown options are taken", async () => {
  expect(await callWithUnknownOptions({ call: careful, right, options: [[1]] }, "line")).toEqual([
    "careful() has no option line: did you mean lines? expected one of lines",
  ]);
  expect(await callWithUnknownOptions({ call: careless, right, options: [[1]] }, "line")).toEqual(["taken"]);
  expect(functionNames({ careful, right })).toEqual(["careful"]);
});
