import { expect, test } from "vitest";
import { startPromptThread } from "./prompt-thread.js";

const script = (onMessage: string): URL =>
  new URL(
    `data:text/javascript,import { parentPort } from "node:worker_threads"; parentPort.on("message", (asked) => { ${onMessage} });`,
  );
const asked = { prompt: "p", maxNewTokens: 1 };

test("what the thread says comes back, its errors with their codes", async () => {
  const thread = startPromptThread(
    "folder",
    script(`
      if (asked.prompt === "p") parentPort.postMessage({ prepared: { text: asked.prompt, ids: Int32Array.of(7), dropped: 0 } });
      else parentPort.postMessage({ error: { code: "context-length", message: "too long" } });
    `),
  );
  expect(await thread.run(asked)).toEqual({ text: "p", ids: Int32Array.of(7), dropped: 0 });
  await expect(thread.run({ ...asked, prompt: "q" })).rejects.toMatchObject({ code: "context-length" });
  expect(thread.alive).toBe(true);
  thread.end();
});

test("a thread that never comes to an end is ended", async () => {
  const thread = startPromptThread("folder", script("for (;;);"));
  const reading = thread.run(asked);
  thread.end();
  await expect(reading).rejects.toMatchObject({ code: "runtime" });
  expect(thread.alive).toBe(false);
  await expect(thread.run(asked)).rejects.toMatchObject({ code: "runtime" });
});

test("an error that nobody caught ends the thread and nothing else", async () => {
  const failing = startPromptThread("folder", script(`throw new Error("oh")`));
  await expect(failing.run(asked)).rejects.toMatchObject({ code: "runtime", cause: { message: "oh" } });
});
