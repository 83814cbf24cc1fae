import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as convert from "./convert.js";
import * as model from "./index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-refusals-"));
});
afterAll(() => rm(folder, { recursive: true }));

const config = model.parseConfig(
  model.neoxConfigJson({
    vocabularySize: 8,
    hiddenSize: 16,
    layers: 1,
    attentionHeads: 2,
    contextLength: 8,
    rotaryPercent: 0.5,
  }),
);

const message = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (DynamoError.is(error) && error.code === "invalid-argument") return error.message;
    throw error;
  }
  return "taken";
};

describe("wrong arguments", () => {
  const runtime = { createSession: () => undefined, device: () => undefined } as never;
  it.each([
    [
      "no runtime",
      () => model.loadModel(undefined as never, "x"),
      /runtime must be a runtime, as createNodeRuntime\(\)/,
    ],
    [
      "a promise of one",
      () => model.loadModel(Promise.resolve() as never, "x"),
      /received a Promise \(await it first\)/,
    ],
    ["no folder", () => model.loadModel(runtime, undefined as never), /source must be a folder's path/],
    [
      "an option's other name",
      () => model.loadModel(runtime, "x", { type: "q4" } as never),
      /no option type: did you mean dtype\?/,
    ],
    [
      "an unknown dtype",
      () => model.loadModel(runtime, "x", { dtype: "int4" as never }),
      /dtype must be one of "fp32"/,
    ],
    ["a source of another kind", () => model.inspectModel({} as never), /source must be a folder's path/],
    ["an unknown preset", () => model.presets("7B" as never), /name must be one of "14M"/],
    [
      "no config",
      () => model.parameterCount(undefined as never, 1),
      /config must be a config, as parseConfig\(\) gives it/,
    ],
    ["a config's file", () => model.baseShapes({ vocab_size: 8 } as never), /config must be a config/],
    ["a size's other name", () => model.neoxConfigJson({ vocabSize: 8 } as never), /no option vocabSize/],
    ["a graph's dtype", () => model.graphPath("q5" as never), /dtype must be one of/],
    ["head 1", () => model.headPrefix(1), /head must be a whole number of at least 2/],
    ["a shape with a hole", () => model.initialTensor("x", new Array(2), 1), /shape must be a list of dimensions/],
    [
      "a shape without end",
      () => model.initialTensor("x", [2 ** 20, 2 ** 20], 1),
      /shape must be a list of dimensions/,
    ],
    [
      "dtype for dtypes",
      () => convert.convertCheckpoint("x", "y", { dtype: "q4" } as never),
      /no option dtype: did you mean dtypes\?/,
    ],
    [
      "one dtype",
      () => convert.convertCheckpoint("x", "y", { dtypes: "q4" as never }),
      /dtypes must be a list of dtypes/,
    ],
    [
      "5 heads",
      () => convert.convertCheckpoint("x", "y", { tokenHeads: 5 }),
      /tokenHeads must be a whole number from 1 to 4/,
    ],
    ["no target", () => convert.convertCheckpoint("x", undefined as never), /target must be a folder's path/],
    [
      "a matrix of another size",
      () => convert.quantize(new Float32Array(3), 2, 2, 4),
      /Float32Array of rows x columns, 2 x 2/,
    ],
    [
      "a model that was not awaited",
      () => model.chatPrompt(Promise.resolve() as never, [], { maxNewTokens: 1 }),
      /model must be a loaded model.*received a Promise/,
    ],
    ["3 bits", () => convert.quantize(new Float32Array(4), 2, 2, 3 as never), /bits must be 4 or 8, received 3/],
  ])("%s", async (_, run, expected) => {
    expect(await message(run)).toMatch(expected);
  });
});

describe("whatever it is given", () => {
  const anything = fc.oneof(
    fc.anything({ withNullPrototype: true, withBigInt: true, withTypedArray: true, withMap: true }),
    fc.constantFrom<unknown>(
      undefined,
      null,
      Symbol("x"),
      () => undefined,
      Promise.resolve(1),
      config,
      { raw: {} },
      "q4",
      1,
      2,
    ),
  );
  /** What is made here is small, or is not made: names of files would be folders in the working directory. */
  const isPath = (value: unknown): boolean => typeof value === "string" && value !== "";
  const functions = Object.entries<unknown>({ ...model, ...convert }).filter(
    (entry): entry is [string, (...given: unknown[]) => unknown] => typeof entry[1] === "function",
  );

  it.each(functions)("%s gives a result or a DynamoError", async (name, call) => {
    const writes = /^(write|convert)/.test(name);
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { maxLength: 5 }), async (given) => {
        if (writes && given.some(isPath)) return;
        try {
          await call(...given);
        } catch (error) {
          if (!DynamoError.is(error)) throw error;
        }
      }),
      { numRuns: 150 },
    );
  });

  it("options of those that write are looked at before anything is written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom("dtypes", "seed", "overwrite", "config", "shardBytes", "signal"), anything),
        async (options) => {
          for (const run of [
            () => convert.convertCheckpoint(join(folder, "none"), join(folder, "target"), options),
            () => convert.writeStem(join(folder, "none"), join(folder, "target"), options as never),
          ])
            await expect(run()).rejects.toSatisfy(DynamoError.is);
        },
      ),
      { numRuns: 100 },
    );
  });
});
