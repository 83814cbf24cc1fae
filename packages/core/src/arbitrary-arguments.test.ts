/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as core from "./index.js";
import * as options from "./options.js";
import * as safetensors from "./safetensors.js";
import { settledOrRefused } from "./testing.js";

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore
/** Right ones among them, so that calls come past their first check. */
const argument = fc.oneof(
  anything,
  fc.constantFrom<unknown>("float32", "int64", 0, 1, 4, 3.5, -1, [2, 3], [], "a/b", "", new ArrayBuffer(16), undefined),
  fc.constantFrom<unknown>(new Uint8Array(16), new Float32Array(6), [{ name: "a", dtype: "float32", shape: [2] }], {}),
  fc.constantFrom<unknown>({ graph: 5, externalData: 0 }, { device: "cpu", memory: 1 }, new AbortController().signal),
);

const { DynamoError: _, ...functions } = core;
const { parseSafetensorsHeader, headerByteLength, encodeSafetensorsHeader } = safetensors;
const all: Record<string, unknown> = {
  ...functions,
  parseSafetensorsHeader,
  headerByteLength,
  encodeSafetensorsHeader,
};

describe.each(Object.entries(all).filter(([, value]) => typeof value === "function"))("%s", (_name, value) => {
  it("throws its own error only", async () => {
    const call = value as (...given: unknown[]) => unknown;
    await fc.assert(
      fc.asyncProperty(fc.array(argument, { maxLength: 4 }), async (given) => {
        await settledOrRefused(() => call(...given));
      }),
      { numRuns: 150 },
    );
  });
});

it("are all that there are", () => {
  expect(Object.keys(all).length).toBeGreaterThan(15);
  expect(Object.keys(options)).toContain("checkOptions");
});
