/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { settledOrRefused } from "@dynamo/core/testing";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createWebRuntime, droppedFiles, folderFiles, urlFiles } from "./index.js";

// A page without a network, and without a cache.
beforeEach(() => {
  vi.stubGlobal("location", { href: "https://example.org/" });
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network")));
});
afterEach(() => vi.unstubAllGlobals());

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore
const value = fc.oneof(
  anything,
  fc.constantFrom<unknown>("http://", "models", { "config.json": "https://" }, { "../a": "b" }, { kind: "directory" }),
  fc.constantFrom<unknown>([new File([], "config.json")], new Map([["config.json", 1]]), { items: [1] }, undefined, 1),
);

describe("whatever they are given", () => {
  test.each([
    ["createWebRuntime", createWebRuntime],
    ["droppedFiles", droppedFiles],
    ["folderFiles", folderFiles],
    ["urlFiles", urlFiles],
  ] as [string, (...given: unknown[]) => unknown][])("%s throws its own error only", async (_, call) => {
    await fc.assert(
      fc.asyncProperty(value, value, async (first, second) => {
        await settledOrRefused(() => call(first, second));
      }),
      { numRuns: 150 },
    );
  });

  test("the files' methods too", async () => {
    const all = [folderFiles([new File(["{}"], "config.json")]), urlFiles("models")];
    await fc.assert(
      fc.asyncProperty(value, value, value, async (path, a, b) => {
        for (const files of all)
          for (const call of [
            () => files.size(path as never),
            () => files.read(path as never, a as never),
            () => files.readRange(path as never, a as never, b as never),
          ])
            await settledOrRefused(call);
      }),
      { numRuns: 100 },
    );
  });
});

test.each([
  [
    () => createWebRuntime({ devices: "wasm" } as never),
    /no option devices: did you mean device\? expected one of device, threads, wasmPaths, logger, onLost/,
  ],
  [() => createWebRuntime({ threads: 0 }), /threads must be a whole number from 1 to 1024, received 0/],
  [() => createWebRuntime({ wasmPaths: "http://" }), /wasmPaths must be a folder's address, received http:/],
  [
    () => urlFiles("models", { onprogress: () => undefined } as never),
    /no option onprogress: did you mean onProgress\?/,
  ],
  [() => urlFiles(["a"] as never), /source must be a string of at least one character, or a plain object/],
  [() => folderFiles("models" as never), /files must be a list of files/],
  [() => droppedFiles([] as never), /drop must be a drop event's dataTransfer/],
])("%#: refused by name", async (call, expected) => {
  const called = async (): Promise<void> => {
    await call();
  };
  await expect(called()).rejects.toThrow(expected);
});
