/** An operator's strategies that never answer, and that never give the thread back: their request ends, the others go on. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, short } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

const modules = {
  hangs: "export default () => ({ name: 'hangs', heads: 1, step: () => new Promise(() => {}) });",
  spins: "export default () => ({ name: 'spins', heads: 1, step() { for (;;); } });",
};

let folder: string;
let server: RunningServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-hanging-"));
  const plugins = await Promise.all(
    Object.entries(modules).map(async ([name, code]) => {
      const module = join(folder, `${name}.mjs`);
      await writeFile(module, code);
      return { name, module };
    }),
  );
  server = await startServer({ options: { models: { stories: { plugins } }, requestSeconds: 8, hangSeconds: 1 } });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const by = (strategy: string): object => ({ ...short, dynamo: { strategy } });

test("one that never answers ends at its request's time, while the others are written", async () => {
  const hanging = ask(server, by("hangs"));
  for (let i = 0; i < 3; i++) expect((await ask(server, short)).status).toBe(200);
  const { status, json } = await hanging;
  expect([status, json]).toMatchObject([408, { error: { code: "timeout" } }]);
  expect(server.log()).not.toContain("started again");
});

test("one that spins costs its process: it is started again, its request fails, and the next ones are answered", async () => {
  const { status } = await ask(server, by("spins"));
  expect(status).toBeGreaterThanOrEqual(408);
  expect(server.log()).toContain("the inference process hung");
  expect((await ask(server, short)).status).toBe(200);
});
