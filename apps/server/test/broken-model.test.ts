/** A model that fails for good inside an inference process that lives: the process makes room for a new one. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { ask, gauge, short, until } from "./http.js";
import { startServer } from "./start-server.js";

/** Ends the thread that ONNX Runtime runs in, as an error in it would, when the file is there. */
const endThread = (file: string): string => `
  import { existsSync, rmSync } from "node:fs";
  import { isMainThread } from "node:worker_threads";
  const file = ${JSON.stringify(file)};
  const look = () => { if (existsSync(file)) { rmSync(file); process.exit(1); } };
  // Not the server's threads that read prompts.
  if (!isMainThread && /runtime-node.*worker[^/]*$/.test(process.argv[1])) setInterval(look, 20).unref();
`;

test("the thread of ONNX Runtime ends: those under way are told, and a new process serves the next", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dynamo-broken-"));
  const [hook, file] = [join(folder, "hook.mjs"), join(folder, "end")];
  await writeFile(hook, endThread(file));
  const server = await startServer({ environment: { NODE_OPTIONS: `--import=${pathToFileURL(hook).href}` } });
  try {
    const [pid] = await server.inferencePids();
    // More than the slots: one is under way, others wait.
    const texts = Array.from({ length: 8 }, () => ask(server, { ...short, max_tokens: 450, dynamo: { backoff: 1 } }));
    await until(async () => (await gauge(server, "queue")) === 4);
    await writeFile(file, "");
    for (const { status, json } of await Promise.all(texts)) {
      expect(status).toBe(500);
      expect(json).toMatchObject({ error: { type: "server_error", code: "inference_failed" } });
    }
    const [, next] = await server.inferencePids(2);
    expect(next).not.toBe(pid);
    expect((await ask(server, short)).status).toBe(200);
  } finally {
    expect(await server.stop()).toBe(0);
    await rm(folder, { recursive: true });
  }
});
