/** The functions on files in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { settledOrRefused } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as node from "./node.js";

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore
const runtime = { createSession: () => undefined, device: () => Promise.resolve({ device: "cpu", reason: "" }) };
const source = { name: "a", files: ["/none/such"] };
/** Paths that are not there, and where nothing can be made. */
const value = fc.oneof(
  anything.filter((each) => typeof each !== "string" || each === ""),
  fc.constantFrom<unknown>("/dev/null/x", "/none\0such", ["/none/such"], [source], runtime, 0, 0.5, 1, undefined),
  fc.constantFrom<unknown>({ sources: [source], tokenizerJson: "{}", endOfText: 0, out: "/dev/null/x" }, { works: 1 }),
  fc.constantFrom<unknown>({ dataset: "/none/such", steps: 1, tokenHeads: 2, keepCheckpoints: 1 }, { resume: true }),
);

const { train, exportTorch, prepareDataset, prepareChatDataset, openDataset, documents, totalBytes } = node;
const { splitOf, hashText, listCheckpoints, readMetrics, metricsPath, readRunConfig, lockRun, parseTrainingConfig } =
  node;
const functions = Object.entries({
  ...{ train, exportTorch, prepareDataset, prepareChatDataset, openDataset, documents, totalBytes, splitOf, hashText },
  ...{ listCheckpoints, readMetrics, metricsPath, readRunConfig, lockRun, parseTrainingConfig },
}) as [string, (...given: unknown[]) => unknown][];

describe("whatever it is given", () => {
  test.each(functions)("%s throws its own error only", async (_, call) => {
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 4 }), async (given) => {
        await settledOrRefused(() => call(...given));
      }),
      { numRuns: 80 },
    );
  });
});

const right = { sources: [source], tokenizerJson: {}, endOfText: 0, out: "/dev/null/x" };
test.each([
  [
    () => prepareDataset({ ...right, heldout: 0.1 } as never),
    /prepareDataset\(\) has no option heldout: .*expected one of sources, tokenizerJson/,
  ],
  [
    () => prepareDataset({ ...right, sources: ["a.txt"] } as never),
    /sources must be a list of sources \{ name, files, weight \}/,
  ],
  [() => prepareChatDataset({ ...right, rowtokens: 64 } as never), /no option rowtokens: did you mean rowTokens\?/],
  [
    () => train(Promise.resolve(runtime) as never, "/dev/null/x", {} as never),
    /runtime must be a runtime.*received a Promise/,
  ],
  [
    () => train(runtime as never, "/dev/null/x", {} as never),
    /config must be a training configuration, as parseTrainingConfig\(\) returns/,
  ],
  [() => openDataset(undefined as never), /folder must be a folder's path, received undefined/],
  [() => lockRun("/dev/null/x", { word: "a" } as never), /lockRun\(\) has no option word/],
])("%#: refused by name", async (call, expected) => {
  const called = async (): Promise<void> => {
    await call();
  };
  await expect(called()).rejects.toThrow(expected);
});
