/** The GPU's process dies: the caller is told, and the model is loaded anew, once. */
import { DynamoError } from "@dynamo/core";
import { autoregressive, generate } from "@dynamo/decode";
import { loadModel } from "@dynamo/model";
import { createWebRuntime, urlFiles, type Loss } from "@dynamo/runtime-web";
import { expect, inject, test } from "vitest";
import { commands } from "vitest/browser";

async function failureOf(generation: PromiseLike<unknown>): Promise<DynamoError> {
  const error: unknown = await generation.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!DynamoError.is(error)) throw new Error(`expected a DynamoError, received ${String(error)}`);
  return error;
}

test("what was under way rejects, the next text is written by a session loaded anew, the second loss is final", async () => {
  const lines: string[] = [];
  const losses: Loss[] = [];
  const runtime = createWebRuntime({
    device: "webgpu",
    logger: (line) => lines.push(line),
    onLost: (loss) => losses.push(loss),
  });
  const model = await loadModel(runtime, urlFiles(`${inject("fileServer")}/stories`));
  const strategy = autoregressive({ temperature: 0 });
  const write = (maxNewTokens: number): PromiseLike<{ readonly text: string }> =>
    generate(model, "Once upon a time", { strategy, maxNewTokens });
  const before = await write(3);

  const [lost] = await Promise.all([failureOf(write(200)), commands.crashGpu()]);
  expect(lost).toMatchObject({ code: "runtime" });
  expect(lost.message).toContain("the GPU's device was lost");
  expect(lines.filter((line) => line.includes("device was lost"))).toHaveLength(1);

  expect((await write(3)).text).toBe(before.text);
  expect(lines.filter((line) => line.startsWith("device: webgpu"))).toHaveLength(2);

  const [again] = await Promise.all([failureOf(write(200)), commands.crashGpu()]);
  expect(again.message).toContain("the GPU's device was lost");
  expect((await failureOf(write(3))).message).toContain("lost a second time");
  expect(losses.map(({ what }) => what)).toEqual(["device", "device"]);
  await runtime.dispose();
});
