/** Servers that share a Redis count together; one that is killed, and a Redis that goes away, hold nobody up. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, idle, send, short, until } from "./http.js";
import { hasRedis, startRedis, type RunningRedis } from "@dynamo/services";
import { startServer, type RunningServer } from "./start-server.js";

const atOnce = 3;
const perMinute = 40;
/** Never over before its 450 tokens. */
const long = {
  prompt: "Once upon a time",
  max_tokens: 450,
  stream: true,
  dynamo: { backoff: 1 },
  logit_bias: { 0: -100 },
};

describe.skipIf(!hasRedis)("replicas that share a Redis", () => {
  let redis: RunningRedis;
  let servers: [RunningServer, RunningServer];
  const start = (): Promise<RunningServer> =>
    startServer({
      options: { atOnce, perMinute, models: { stories: { queue: 400 } } },
      environment: {
        REDIS_URL: redis.url,
        DYNAMO_API_KEYS: "alice=key-of-alice,bob=key-of-bob,carol=key-of-carol,dave=key-of-dave",
      },
    });
  beforeAll(async () => {
    redis = await startRedis();
    servers = await Promise.all([start(), start()]);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  });

  const held: Response[] = [];
  const alice = { key: "key-of-alice" };
  const bob = { key: "key-of-bob" };
  const carol = { key: "key-of-carol" };
  const dave = { key: "key-of-dave" };
  /** So many requests of so many long texts that they are under way until they are aborted. */
  const hold = async (server: RunningServer, count: number, key: string): Promise<AbortController> => {
    const controller = new AbortController();
    const { signal } = controller;
    const texts = await Promise.all(
      Array.from({ length: count }, () => send(server, { ...long, n: 40 }, { key, signal })),
    );
    expect(texts.map(({ status }) => status)).toEqual(texts.map(() => 200));
    // An answer that nobody can read any more is collected, and its request ended.
    held.push(...texts);
    return controller;
  };
  const oneMore = async (server: RunningServer, who: { key: string }): Promise<number> =>
    (await ask(server, { ...short, max_tokens: 1 }, who)).status;

  test("requests at once are those of all replicas; they count no longer when they are over", async () => {
    const [first, second] = servers;
    const texts = [await hold(first, 2, alice.key), await hold(second, 1, alice.key)];
    for (const server of servers) {
      const { status, json, headers } = await ask(server, short, alice);
      expect(status).toBe(429);
      expect(headers.get("retry-after")).toBe("1");
      expect(json).toMatchObject({ error: { type: "rate_limit_error", code: "too_many_at_once" } });
    }
    expect(await oneMore(first, bob)).toBe(200);
    for (const text of texts) text.abort();
    await until(async () => (await idle(first)) && (await idle(second)));
    await until(async () => (await oneMore(first, alice)) === 200);
  });

  test("what a replica had under way counts no longer soon after it was killed", async () => {
    const [first, second] = servers;
    await hold(second, atOnce, bob.key);
    expect(await oneMore(first, bob)).toBe(429);
    const gone = once(second.process, "exit");
    second.process.kill("SIGKILL");
    await gone;
    await expect.poll(() => oneMore(first, bob), { interval: 2_000 }).toBe(200);
    servers[1] = await start();
  });

  test("Redis goes away: each replica counts by itself, and nobody waits; it comes back: they count together", async () => {
    const [first, second] = servers;
    await redis.stop();
    const text = await hold(first, atOnce, alice.key);
    expect(await oneMore(first, alice)).toBe(429);
    expect(await oneMore(second, alice)).toBe(200);
    expect(first.log().match(/redis: away/g)).toHaveLength(1);
    await redis.start();
    await until(async () => first.log().match(/limits are shared/g)?.length === 2);
    await until(async () => second.log().match(/limits are shared/g)?.length === 2);
    // The new Redis knows nothing of them until their leases are renewed.
    await expect.poll(() => oneMore(second, alice), { interval: 1_000 }).toBe(429);
    text.abort();
  });

  test("a Redis that hangLimit is away: after the first, requests do not wait for it; it goes on: they count together", async () => {
    const [first, second] = servers;
    const logged = (server: RunningServer, what: RegExp): number => server.log().match(what)?.length ?? 0;
    const before = servers.map((server) => [logged(server, /redis: away/g), logged(server, /limits are shared/g)]);
    redis.hang(true);
    // In the middle of requests, whose commands are lost.
    const texts = await Promise.all([oneMore(first, bob), oneMore(second, bob), oneMore(first, alice)]);
    expect(texts).toEqual([200, 200, 200]);
    for (const [i, server] of servers.entries())
      await until(() => logged(server, /redis: away/g) === (before[i]?.[0] ?? 0) + 1);
    expect(await oneMore(first, bob)).toBe(200);
    redis.hang(false);
    for (const [i, server] of servers.entries())
      await until(() => logged(server, /limits are shared/g) > (before[i]?.[1] ?? 0));
    // What it was told before it hung may count for as long as a lease is: this one's requests were not among that.
    const text = await hold(second, atOnce, dave.key);
    expect(await oneMore(first, dave)).toBe(429);
    text.abort();
  });

  test("requests per minute are those of all replicas", async () => {
    const statuses: number[] = [];
    for (let i = 0; i <= perMinute; i++)
      statuses.push((await ask(servers[i % 2] as RunningServer, { prompt: "" }, carol)).status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    expect(statuses.at(-1)).toBe(429);
  });

  test("a server starts and answers although its Redis is not there", async () => {
    const server = await startServer({ environment: { REDIS_URL: "redis://127.0.0.1:1" } });
    expect((await ask(server, short)).status).toBe(200);
    expect(server.log()).toContain("redis: away");
    expect(await server.stop()).toBe(0);
    await expect(startServer({ environment: { REDIS_URL: "http://x" } })).rejects.toThrow("expected redis://");
  });
});
