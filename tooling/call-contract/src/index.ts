/** The public functions of a package in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { callWithEachPartWrong, callWithUnknownOptions, settledOrRefused, type PublicCall } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

/** Of what values there are. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});
/** No path that may be there. */
const noPath = anything.filter((value) => typeof value !== "string" || value === "");

export interface CallContract {
  /** Values that are tried in each place of the arguments. */
  readonly runs: number | ((name: string) => number);
  /** Whether functions take paths: then no texts are tried, which might be those of files. */
  readonly takesPaths?: boolean;
  /** The name of an option that no function has, and what its refusal says. */
  readonly unknownOption: readonly [name: string, refusal: RegExp];
  /** Holds what right arguments come to against what they should; by default they settle. */
  readonly expectRight?: (name: string, outcome: string) => void;
}

const settles = (_: string, outcome: string): void => {
  expect(outcome).toBe("settled");
};

/** Registers three tests of each call: it takes what is right, refuses what is wrong, and has no unknown option. */
export function callContract(
  calls: Readonly<Record<string, PublicCall>>,
  { runs, takesPaths = false, unknownOption: [option, refusal], expectRight = settles }: CallContract,
): void {
  describe.each(Object.entries(calls))("%s", (name, each) => {
    test("takes what is right", async () => {
      expectRight(name, await settledOrRefused(() => each.call(...(each.right as never[]))));
    });

    test("throws its own error only", async () => {
      await fc.assert(
        fc.asyncProperty(takesPaths ? noPath : anything, (wrong) => callWithEachPartWrong(each, wrong)),
        { numRuns: typeof runs === "number" ? runs : runs(name) },
      );
    });

    test("has no unknown option", async () => {
      for (const message of await callWithUnknownOptions(each, option)) expect(message).toMatch(refusal);
    });
  });
}
