/** Keys, limits and origins of the real server. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKey } from "../src/keys.js";
import { ask, gauge, idle, raw, send, short, until } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

const origin = "https://page.example";
const [alice, bob] = [createKey("alice"), createKey("bob")];
let server: RunningServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-keys-"));
  const keyFile = join(folder, "keys.txt");
  await writeFile(keyFile, `# keys\n${alice.line}\n${bob.line}\n`);
  const models = { stories: { slots: 1, queue: 4 } };
  const options = { keyFile, atOnce: 4, perMinute: 30, origins: [origin], models };
  server = await startServer({ options, environment: { DYNAMO_API_KEYS: "carol=a-key-of-carol" } });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const long = { prompt: "Once upon a time", max_tokens: 450, stream: true, dynamo: { backoff: 1 } };
/** So many long texts of a key, until the controller aborts them. */
function start(count: number, key: string): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  for (let i = 0; i < count; i++) ask(server, long, { key, signal }).catch(() => undefined);
  return controller;
}

const unknownKey = { error: { type: "authentication_error", code: "invalid_api_key", param: null } };

describe("API keys", () => {
  const wrong: readonly (readonly [string, Record<string, string>])[] = [
    ["none", {}],
    ["one that is not known", { authorization: "Bearer dynamo-x" }],
    ["another scheme", { authorization: `Basic ${alice.key}` }],
    ["a hash instead of its key", { authorization: `Bearer ${alice.line.split(":")[1] ?? ""}` }],
    ["an empty one", { authorization: "Bearer " }],
    ["a key and more", { authorization: `Bearer ${alice.key}, Bearer ${bob.key}` }],
    ["bytes above ASCII", { authorization: "Bearer \u00ff\u00fe\u00e9" }],
    ["8,000 characters", { authorization: `Bearer ${"x".repeat(8_000)}` }],
    ["names of prototypes", { authorization: "Bearer __proto__" }],
  ];
  test.each(wrong)("401: %s", async (_, headers) => {
    const { status, json, headers: answered } = await ask(server, short, { headers });
    expect(status).toBe(401);
    expect(json).toMatchObject(unknownKey);
    expect(answered.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("line breaks in a key begin no header of the answer, and let nobody in", async () => {
    const lines = ["POST /v1/completions HTTP/1.1", "host: x", "content-type: application/json", "content-length: 2"];
    const split = [...lines, "authorization: Bearer x\r\nx-evil: 1", "connection: close", "", "{}"].join("\r\n");
    expect(await raw(server, split)).toMatch(/^HTTP\/1\.1 401 (?!.*x-evil)/s);
    const bare = [...lines, "authorization: Bearer x\rx-evil: 1", "", "{}"].join("\r\n");
    expect(await raw(server, bare)).toMatch(/^HTTP\/1\.1 400 .*"type":"invalid_request_error"(?!.*x-evil)/s);
    const huge = [...lines, `authorization: Bearer ${"x".repeat(100_000)}`, "", "{}"].join("\r\n");
    expect(await raw(server, huge)).toMatch(/^HTTP\/1\.1 431 .*"type":"invalid_request_error"/s);
  });

  test("keys of the file and of the environment open; load balancers ask without one", async () => {
    for (const key of [alice.key, bob.key, "a-key-of-carol"])
      expect((await ask(server, { ...short, max_tokens: 1 }, { key })).status).toBe(200);
    for (const path of ["/healthz", "/readyz", "/metrics"])
      expect((await fetch(server.address + path)).status).toBe(200);
    expect((await fetch(`${server.address}/v1/models`)).status).toBe(401);
    expect(server.log()).not.toContain(alice.key);
  });

  test("a key does not see that another key's prompt began like its own", async () => {
    const body = {
      prompt: "Tim had a red ball, a blue hat and a very old green boat. He",
      max_tokens: 1,
      user: "the same",
    };
    const cached = async (key: string): Promise<unknown> => {
      const { json } = await ask(server, body, { key });
      return (json as { usage: { prompt_tokens_details: { cached_tokens: number } } }).usage.prompt_tokens_details
        .cached_tokens;
    };
    expect(await cached(alice.key)).toBe(0);
    expect(await cached(alice.key)).toBeGreaterThan(8);
    expect(await cached(bob.key)).toBe(0);
  });

  test("a public address without keys is refused", async () => {
    await expect(startServer({ options: { host: "0.0.0.0" } })).rejects.toThrow(/--api-keys .* --without-keys/s);
  });
});

describe("limits", () => {
  test("429 with retry-after for a full queue, and for one key's requests at once", async () => {
    // One slot and a queue of four: of alice's and bob's the sixth is one too many.
    const stop = start(4, alice.key);
    await until(async () => (await gauge(server, "queue")) === 3);
    const mine = await ask(server, short, { key: alice.key });
    expect(mine.status).toBe(429);
    expect(mine.headers.get("retry-after")).toBe("1");
    expect(mine.json).toMatchObject({ error: { type: "rate_limit_error", code: "too_many_at_once" } });
    const others = start(1, bob.key);
    await until(async () => (await gauge(server, "queue")) === 4);
    const full = await ask(server, short, { key: bob.key });
    expect(full.status).toBe(429);
    expect(full.headers.get("retry-after")).toBe("1");
    expect(full.json).toMatchObject({ error: { type: "rate_limit_error", code: "queue_full" } });
    stop.abort();
    others.abort();
    await until(() => idle(server));

    expect((await ask(server, short, { key: bob.key })).status).toBe(200);
  });

  test("a request for many texts comes in where there is room for its first", async () => {
    const stop = start(2, bob.key);
    await until(async () => (await gauge(server, "queue")) === 1);
    // Three of its four texts would be too many by themselves.
    const others = start(2, alice.key);
    await until(async () => (await gauge(server, "queue")) === 3);
    const many = ask(server, { ...short, n: 4 }, { key: alice.key });
    await until(async () => (await gauge(server, "queue")) === 7);
    stop.abort();
    others.abort();
    const { status, json } = await many;
    expect(status).toBe(200);
    expect((json as { choices: unknown[] }).choices).toHaveLength(4);
    await until(() => idle(server));
  });

  test("a stream has its status and headers while it waits in the queue", async () => {
    const stop = start(2, bob.key);
    await until(async () => (await gauge(server, "queue")) === 1);
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = await send(server, { ...short, stream: true }, { key: alice.key, signal });
    const { status, headers } = waiting;
    expect([status, headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    // The gauge is told with the next pass: nobody has left the queue.
    await until(async () => (await gauge(server, "queue")) === 2);
    controller.abort();
    await expect(waiting.text()).rejects.toThrow();
    stop.abort();
    await until(() => idle(server));
  });

  test.each([
    ["n", { ...short, n: 6 }],
    ["n", { ...short, prompt: ["a", "b", "c"], n: 2, stream: true }],
    ["prompt", { ...short, prompt: ["a", "b", "c", "d", "e", "f"] }],
  ])("400 for more texts than there is ever room for: %s", async (param, body) => {
    const { status, json } = await ask(server, body, { key: bob.key });
    expect(status).toBe(400);
    const message = expect.stringMatching(/expected at most 5 texts.*received 6/) as unknown;
    expect(json).toMatchObject({ error: { type: "invalid_request_error", param, message } });
  });

  test("429 with retry-after for one key's requests per minute; other keys go on", async () => {
    let last = await ask(server, { prompt: "" }, { key: "a-key-of-carol" });
    for (let i = 0; i < 40 && last.status !== 429; i++)
      last = await ask(server, { prompt: "" }, { key: "a-key-of-carol" });
    expect(last.status).toBe(429);
    expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(last.json).toMatchObject({ error: { type: "rate_limit_error", code: "rate_limit_exceeded" } });
    expect((await ask(server, { ...short, max_tokens: 1 }, { key: alice.key })).status).toBe(200);
  });
});

describe("other origins' pages", () => {
  const preflight = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
  const leaveFor = async ({ address }: RunningServer, from: string): Promise<string | null> => {
    const headers = { origin: from, ...preflight };
    const answer = await fetch(`${address}/v1/completions`, { method: "OPTIONS", headers });
    return answer.headers.get("access-control-allow-origin");
  };

  test("may call when they are named, and a browser gets its leave without a key", async () => {
    expect(await leaveFor(server, origin)).toBe(origin);
    expect(await leaveFor(server, "https://other.example")).not.toBe("https://other.example");
    const answer = await ask(server, short, { headers: { origin } });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
  });

  test("may read every header that an answer has of its own", async () => {
    const { headers } = await ask(server, { ...short, max_tokens: 1 }, { key: alice.key, headers: { origin } });
    const exposed = (headers.get("access-control-expose-headers") ?? "").split(/, ?/);
    const own = [...headers.keys()].filter((name) => name.startsWith("x-"));
    expect(own.length).toBeGreaterThan(3);
    for (const name of [...own, "retry-after", "x-dynamo-dropped-messages"]) expect(exposed).toContain(name);
  });
});
