/** The runtime in the hands of plain JavaScript: whatever it is given, only a DynamoError comes out. */
import { tensor, type Session } from "@dynamo/core";
import { settledOrRefused } from "@dynamo/core/testing";
import { workerRuntime, type WorkerLink } from "@dynamo/ort";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createNodeRuntime } from "./index.js";

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore
const x = tensor("float32", [1], Float32Array.of(1));
const disposed = tensor("float32", [1]);
disposed.dispose();
const value = fc.oneof(
  anything,
  fc.constantFrom<unknown>({ x }, { x: disposed }, { x: 1 }, ["y"], ["z"], "x", 1, undefined, Promise.resolve(1)),
  fc.constantFrom<unknown>({ path: "none.onnx" }, { path: "\0" }, { bytes: [1] }, { bytes: new Uint8Array(1), externalData: [1] }), // prettier-ignore
);

/** A worker that does everything at once. */
const link = {
  alive: true,
  call: ({ kind }: { readonly kind: string }) =>
    Promise.resolve(
      kind === "create-session"
        ? {
            inputs: [{ name: "x", dtype: "float32", dims: [1] }],
            outputs: [{ name: "y", dtype: "float32", dims: [1] }],
          }
        : {},
    ),
  close: () => Promise.resolve(),
} as unknown as WorkerLink;
const overLink = workerRuntime(
  {
    device: () => Promise.resolve({ device: "cpu", reason: "chosen by the test" }),
    link: () => Promise.resolve(link),
    close: () => Promise.resolve(),
  },
  { checkGraph: () => undefined, createSession: async (open): Promise<Session> => (await open()).session },
);

describe("whatever they are given", () => {
  test("createNodeRuntime and createSession throw their own error only", async () => {
    const runtime = createNodeRuntime({ device: "cpu" });
    await fc.assert(
      fc.asyncProperty(value, value, async (given, options) => {
        await settledOrRefused(() => createNodeRuntime(given as never));
        await settledOrRefused(() => createNodeRuntime({ threads: given, logger: options } as never));
        // A graph's bytes would go to the worker.
        if (!(typeof given === "object" && given !== null && "bytes" in given))
          await settledOrRefused(() => runtime.createSession(given as never, options as never));
      }),
      { numRuns: 150 },
    );
    await runtime.dispose();
  });

  test("a runtime's sessions and states throw their own error only", async () => {
    const session = await overLink.createSession({ bytes: new Uint8Array(1) });
    const state = await overLink.createState({ x });
    await fc.assert(
      fc.asyncProperty(value, value, value, async (a, b, c) => {
        for (const call of [
          () => overLink.createSession(a as never, b as never),
          () => overLink.createState(a as never),
          () => session.run(a as never, b as never, c as never),
          () => session.run({ x }, ["y"], c as never),
          () => session.createCache(a as never),
          () => state.read(a as never),
          () => state.write(a as never),
        ])
          await settledOrRefused(call);
      }),
      { numRuns: 150 },
    );
  });
});

test.each([
  [
    () => createNodeRuntime({ devices: "cpu" } as never),
    /no option devices: did you mean device\? expected one of device, threads, logger/,
  ],
  [() => createNodeRuntime({ threads: "4" } as never), /threads must be a whole number from 1 to 1024, received "4"/],
  [() => createNodeRuntime("cpu" as never), /createNodeRuntime\(\): options must be a plain object, received "cpu"/],
  [
    () => overLink.createSession("m.onnx" as never),
    /graph must be a graph \{ path \} or \{ bytes, externalData\? \}, received "m.onnx"/,
  ],
  [
    () => overLink.createSession({ path: "m" }, { outputs: [] } as never),
    /no option outputs: expected one of deviceOutputs/,
  ],
  [() => overLink.createState({ x: { ...x, dims: new Array(1) } }), /tensors must be tensors by name/],
  [() => overLink.createState({ x: [1] } as never), /tensors must be tensors by name, each as tensor\(\) makes it/],
])("%#: refused by name", async (call, expected) => {
  const called = async (): Promise<void> => {
    await call();
  };
  await expect(called()).rejects.toThrow(expected);
});
