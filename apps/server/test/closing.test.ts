/** SIGTERM under load. */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { ask, eventsOf, gauge, idle, short, until } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

const long = { prompt: "Once upon a time", max_tokens: 400, seed: 1, dynamo: { backoff: 1 }, stream: true };

/** Texts that are computed or wait for it, and what becomes of them. */
async function underWay(server: RunningServer, count: number, body: object): Promise<Promise<unknown[]>[]> {
  const streams = Array.from({ length: count }, async () => {
    const { status, text } = await ask(server, body);
    expect(status).toBe(200);
    return eventsOf(text);
  });
  await until(
    async () => ((await gauge(server, "slots_active")) ?? 0) + ((await gauge(server, "queue")) ?? 0) >= count,
  );
  return streams;
}

test("running requests come to their end, new ones are not taken, exit code 0", async () => {
  const server = await startServer();
  const running = await underWay(server, 8, { ...long, max_tokens: 120 });
  const stopped = server.stop();
  await delay(50);
  const late = await ask(server, short).catch(() => undefined);
  expect(late?.status ?? 503).toBe(503);
  for (const events of await Promise.all(running)) expect(events.at(-1)).toBe("[DONE]");
  expect(await stopped).toBe(0);
});

test("a request that outlasts the patience is told so, exit code 0", async () => {
  const server = await startServer({ options: { patience: 100 } });
  const running = await underWay(server, 20, long);
  expect(await server.stop()).toBe(0);
  const ends = (await Promise.all(running)).map((events) => events.at(-1));
  const told = { error: { message: "the server is closing: the text is not whole", code: "overloaded" } };
  expect(ends.filter((end) => end !== "[DONE]").length).toBeGreaterThan(0);
  for (const end of ends) if (end !== "[DONE]") expect(end).toMatchObject(told);
});

test("clients that vanished and connections that say nothing do not hold the end up", async () => {
  // Who waits for either of them waits longer than this test does.
  const server = await startServer({ options: { patience: 60_000, models: { stories: { slots: 2, queue: 100 } } } });
  const gone = new AbortController();
  for (let i = 0; i < 50; i++) ask(server, long, { signal: gone.signal }).catch(() => undefined);
  await until(async () => (await gauge(server, "queue")) === 48);
  gone.abort();
  await until(() => idle(server));
  const { hostname, port } = new URL(server.address);
  const silent = connect(Number(port), hostname);
  await once(silent, "connect");
  expect(await server.stop()).toBe(0);
  silent.destroy();
});
