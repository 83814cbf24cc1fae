/** Graphs that are too large for the browser or its GPU are refused: before the download, and before the session opens. */
import { loadModel } from "@dynamo/model";
import { createWebRuntime, urlFiles } from "@dynamo/runtime-web";
import { expect, inject, onTestFinished, test } from "vitest";

test("a model is refused on a machine of little memory, without its graph being downloaded", async () => {
  Object.defineProperty(navigator, "deviceMemory", { value: 2 ** -9, configurable: true });
  onTestFinished(() => void Reflect.deleteProperty(navigator, "deviceMemory"));
  const runtime = createWebRuntime({ device: "wasm" });
  onTestFinished(() => runtime.dispose());
  const loaded: string[] = [];
  const files = urlFiles(`${inject("fileServer")}/stories`, {
    cache: false,
    onProgress: ({ file }) => loaded.push(file),
  });
  await expect(loadModel(runtime, files)).rejects.toMatchObject({
    code: "out-of-memory",
    message: expect.stringMatching(/onnx\/.*needs about .* MB to open, expected at most 2\.1 MB on wasm/),
  });
  expect(loaded).toContain("tokenizer.json");
  expect(loaded.filter((file) => file.startsWith("onnx/"))).toEqual([]);
});

test("an initializer above the GPU's largest buffer is refused before the session opens", async () => {
  const runtime = createWebRuntime({ device: "webgpu" });
  onTestFinished(() => runtime.dispose());
  const text = (value: string): number[] => [...new TextEncoder().encode(value)];
  const field = (number: number, value: readonly number[]): number[] => [8 * number + 2, value.length, ...value];
  const length = [...field(1, text("length")), ...field(2, text("99000000000000"))];
  const bytes = Uint8Array.from(field(7, field(5, [...field(8, text("huge")), ...field(13, length)])));
  await expect(runtime.createSession({ bytes })).rejects.toMatchObject({
    code: "out-of-memory",
    message: expect.stringMatching(/initializer huge has 99000\.00 GB, a buffer of this GPU at most \d+/),
  });
});
