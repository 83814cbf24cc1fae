/** What goes wrong around a server that runs: its inference process dies, clients vanish, dribble, or do not read. */
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, eventsOf, gauge, idle, raw, send, short, until } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

let server: RunningServer;
beforeAll(async () => {
  const models = { stories: { slots: 4, queue: 400 } };
  server = await startServer({ options: { models, atOnce: 1000 } });
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const long = { prompt: "Once upon a time", max_tokens: 450, seed: 1, dynamo: { backoff: 1 } };

async function firstBytes(body: object): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const response = await send(server, body);
  expect(response.status).toBe(200);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  return reader;
}

async function restOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return Buffer.concat(parts).toString();
    parts.push(value);
  }
}

/** Decoding passes so far. */
async function passCount({ address }: RunningServer): Promise<number> {
  const metrics = await (await fetch(`${address}/metrics`)).text();
  return Number(/^dynamo_batch_rows_count\{model="stories"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

const post = (body: string, length = Buffer.byteLength(body)): string =>
  `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`;

/** A client that asks for a stream and reads nothing of it. */
function deafClient({ address }: RunningServer): ReturnType<typeof connect> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.pause();
  socket.write(post(JSON.stringify({ ...long, stream: true, logprobs: 20, n: 2 })));
  return socket;
}

test("kill -9 of the inference process: streams that had begun end with an error, the others are served by the next one", async () => {
  const pid = (await server.inferencePids()).at(-1) as number;
  const whole = ask(server, long);
  const deaf = deafClient(server);
  const stream = await firstBytes({ ...long, stream: true });
  process.kill(pid, "SIGKILL");
  expect(eventsOf(await restOf(stream)).at(-1)).toMatchObject({
    error: { type: "server_error", code: "inference_failed", message: expect.stringMatching(/SIGKILL/) as unknown },
  });
  const notReady = await fetch(`${server.address}/readyz`);
  expect(notReady.status).toBe(503);
  expect(await notReady.json()).toEqual({ status: "restarting", waiting: ["stories"] });
  // Its client had nothing yet: the text begins again, and is the one of its seed.
  const answer = await whole;
  expect(answer.status).toBe(200);
  const choicesOf = ({ json }: typeof answer): unknown => (json as { choices: unknown }).choices;
  expect(choicesOf(answer)).toEqual(choicesOf(await ask(server, long)));
  // It waits for the process: nobody has to ask twice.
  expect((await ask(server, short)).status).toBe(200);
  expect((await fetch(`${server.address}/readyz`)).status).toBe(200);
  expect(new Set(await server.inferencePids(2)).size).toBe(2);
  const metrics = await (await fetch(`${server.address}/metrics`)).text();
  expect(metrics).toMatch(/^dynamo_restarts_total\{[^}]*reason="ended"[^}]*\} 1$/m);
  expect(metrics).toMatch(/^dynamo_restarts_total\{[^}]*reason="hung"[^}]*\} 0$/m);
  deaf.destroy();
});

test("hundreds of clients that vanish at once leave every slot free", async () => {
  const gone = new AbortController();
  const { signal } = gone;
  for (let i = 0; i < 300; i++) ask(server, { ...long, stream: true }, { signal }).catch(() => undefined);
  await until(async () => ((await gauge(server, "queue")) ?? 0) > 280);
  expect(await gauge(server, "slots_active")).toBe(4);
  gone.abort();
  await until(() => idle(server));
  expect((await ask(server, short)).status).toBe(200);
});

test("hundreds that vanish in the middle of their texts leave within a few passes", async () => {
  const wide = await startServer({ options: { models: { stories: { slots: 200, queue: 0 } }, atOnce: 1000 } });
  try {
    const gone = new AbortController();
    const body = { ...long, stream: true };
    const readers = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const response = await send(wide, body, { signal: gone.signal });
        const reader = (response.body as ReadableStream<Uint8Array>).getReader();
        await reader.read();
        return reader;
      }),
    );
    expect(await gauge(wide, "slots_active")).toBe(200);
    const passes = await passCount(wide);
    gone.abort();
    for (const reader of readers) reader.cancel().catch(() => undefined);
    await until(() => idle(wide));
    // Each has hundreds of passes to go: nobody has gone on writing to them.
    expect((await passCount(wide)) - passes).toBeLessThan(50);
    expect((await ask(wide, short)).status).toBe(200);
  } finally {
    expect(await wide.stop()).toBe(0);
  }
});

describe("slow clients", () => {
  test("headers and bodies that dribble in are refused in time, and nobody waits for them", async () => {
    // Of its own: hundreds of requests at once take a busy machine longer than it has patience.
    const impatient = await startServer({ options: { receiveSeconds: 2 } });
    try {
      const whole = post(JSON.stringify(short));
      const slow = [whole.slice(0, 30), whole.slice(0, -5), post("", 100)].map((part) => raw(impatient, part, 30_000));
      expect((await ask(impatient, short)).status).toBe(200);
      for (const said of await Promise.all(slow)) {
        expect(said).toMatch(/^HTTP\/1\.1 408 .*"type":"invalid_request_error"/s);
      }
    } finally {
      expect(await impatient.stop()).toBe(0);
    }
  });

  test("one that does not read holds nobody up, and frees its slot when its text is done", async () => {
    const socket = deafClient(server);
    await until(async () => ((await gauge(server, "slots_active")) ?? 0) > 0);
    expect((await ask(server, { ...short, max_tokens: 30 })).status).toBe(200);
    await until(() => idle(server), 30_000);
    socket.destroy();
    await delay(50);
    expect((await ask(server, short)).status).toBe(200);
  });
});
