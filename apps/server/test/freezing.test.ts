/** Requests that would keep everybody waiting: prompts and templates that take for ever, and a process that hangs. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chatFolder } from "./chat-folder.js";
import { ask, eventsOf, idle, send, short, until } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

/** Up to the interpreter's last step, where a message says so. */
const template =
  "{% for m in messages %}{% if m.content == 'loop' %}{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}{% endif %}{{ m.content }}\n{% endfor %}";

let server: RunningServer;
let chat: Awaited<ReturnType<typeof chatFolder>>;
beforeAll(async () => {
  chat = await chatFolder(template);
  const models = { stories: { slots: 4, queue: 40 }, chat: { folder: chat.folder, slots: 4, queue: 40 } };
  server = await startServer({ options: { models, hangSeconds: 2 } });
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  await chat.remove();
});

const long = { prompt: "Once upon a time", max_tokens: 450, seed: 1, dynamo: { backoff: 1 } };
const talk = (...contents: string[]): object => ({
  model: "chat",
  messages: contents.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content })),
  max_tokens: 4,
});
const asChat = { path: "/v1/chat/completions" };

test("a million letters are refused with the API's code, as a text and as a message", async () => {
  const letters = "a".repeat(1_000_000);
  for (const { status, json } of [
    await ask(server, { ...short, prompt: letters }),
    await ask(server, talk(letters), asChat),
  ]) {
    expect(status).toBe(400);
    expect(json).toMatchObject({
      error: { type: "invalid_request_error", code: "context_length_exceeded", message: expect.any(String) as unknown },
    });
  }
});

test("thousands of turns are answered", async () => {
  const turns = Array.from({ length: 4001 }, () => "ten words");
  const { status, json } = await ask(server, talk(...turns), asChat);
  expect([status, json]).toMatchObject([200, { usage: { prompt_tokens: expect.any(Number) as unknown } }]);
});

test("a template that takes long holds nobody up", async () => {
  for (let i = 0; i < 3; i++) {
    const gone = new AbortController();
    const looping = ask(server, talk("loop"), { ...asChat, signal: gone.signal }).catch(() => undefined);
    // Texts of the same model, prompts of others, and their templates.
    expect((await ask(server, { ...short, model: "chat" })).status).toBe(200);
    expect((await ask(server, talk("Hello"), asChat)).status).toBe(200);
    gone.abort();
    await looping;
  }
  await until(() => idle(server));
});

describe("an inference process that is stopped", () => {
  test("makes the server say so, is killed and started again, and what had not begun is answered", async () => {
    const [pid] = (await server.inferencePids(2)) as [number];
    const model = pid === (await pidOf("stories")) ? "stories" : "chat";
    process.kill(pid, "SIGSTOP");
    const waiting = ask(server, { ...short, model });
    const stream = send(server, { ...long, model: model === "chat" ? "stories" : "chat", stream: true });
    const seen = new Set<string>();
    await until(async () => {
      const ready = await fetch(`${server.address}/readyz`);
      const { status } = (await ready.json()) as { status: string };
      seen.add(`${ready.status} ${status}`);
      return seen.size > 1 && ready.status === 200;
    });
    expect([...seen].filter((state) => state !== "200 ready").length).toBeGreaterThan(0);
    expect((await waiting).status).toBe(200);
    expect((await server.inferencePids(3)).at(-1)).not.toBe(pid);
    const metrics = await (await fetch(`${server.address}/metrics`)).text();
    const restarts = metrics.split("\n").filter((line) => /^dynamo_restarts_total\{.*reason="hung"/.test(line));
    expect(restarts.filter((line) => line.endsWith(" 1"))).toEqual([expect.stringContaining(`model="${model}"`)]);
    expect(restarts.filter((line) => line.endsWith(" 0"))).toHaveLength(1);
    expect(server.log()).toMatch(/the inference process hung: no sign of life for 2 s, it is started again/);
    // The other model's text went on.
    expect(eventsOf(await (await stream).text()).at(-1)).toBe("[DONE]");
  });
});

/** Whose process it is, as the log says. */
async function pidOf(model: string): Promise<number> {
  await server.inferencePids(2);
  const line = server
    .log()
    .split("\n")
    .find((each) => each.includes(`"model":"${model}"`) && each.includes(": ready"));
  return Number(/inference process (\d+)/.exec(line ?? "")?.[1]);
}
