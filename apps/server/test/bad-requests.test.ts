/** Requests that are no requests: each is refused with its reason, and the server goes on. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, eventsOf, idle, raw, short, until } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  expect((await ask(server, short)).status).toBe(200);
  await until(() => idle(server));
  expect(await server.stop()).toBe(0);
});

const nested = (depth: number): string => `{"prompt":${"[".repeat(depth)}1${"]".repeat(depth)}}`;
const bytes = (...parts: (string | number[])[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part as string))));

const bodies: readonly (readonly [string, string | Uint8Array<ArrayBuffer>, number, RegExp])[] = [
  ["10 MB", JSON.stringify({ prompt: "x".repeat(10 * 2 ** 20) }), 413, /too large/],
  ["nothing", "", 400, /body/i],
  ["no JSON", '{"prompt": ', 400, /the body is no JSON/],
  ["two values", "{} {}", 400, /the body is no JSON/],
  ["no object", "[1]", 400, /expected object/],
  ["null", "null", 400, /expected object/],
  ["NaN", '{"prompt": "a", "temperature": NaN}', 400, /the body is no JSON/],
  ["1e999", '{"prompt": "a", "temperature": 1e999}', 400, /^temperature: /],
  ["a seed of 1e999", '{"prompt": "a", "seed": 1e999}', 400, /^seed: /],
  ["n: 1000", '{"prompt": "a", "n": 1000}', 400, /^n: /],
  ["invalid UTF-8", bytes('{"prompt": "', [0xc3, 0x28, 0xff], '"}'), 400, /no UTF-8/],
  ["half a character", bytes('{"prompt": "', [0xf0, 0x9f, 0x98], '"}'), 400, /no UTF-8/],
  ["10,000 brackets", nested(10_000), 400, /^prompt/],
  ["500,000 brackets", nested(500_000), 400, /^prompt|no JSON/],
  ["__proto__", '{"__proto__": {"prompt": "a"}, "prompt": "a"}', 400, /the body is no JSON/],
  ["100,000 token ids", JSON.stringify({ prompt: new Array<number>(100_000).fill(5) }), 400, /the context holds 512/],
  ["100,000 words", JSON.stringify({ prompt: "word ".repeat(100_000) }), 400, /the context holds 512/],
];

describe("bodies", () => {
  test.each(bodies)("%s", async (_, body, status, message) => {
    const answer = await ask(server, body);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({
      error: { message: expect.stringMatching(message) as unknown, type: "invalid_request_error" },
    });
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense"])(
    "the content type %s",
    async (type) => {
      const answer = await ask(server, JSON.stringify(short), { headers: { "content-type": type } });
      expect(answer.status).toBe(415);
      expect(answer.json).toMatchObject({ error: { type: "invalid_request_error" } });
    },
  );
});

const requests: readonly (readonly [string, string, number | string])[] = [
  ["no HTTP", "hello\r\n\r\n", 400],
  ["a URL that is none", "GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 400],
  ["two lengths", "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}", 400],
  ["a path outside", "GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "40[34]"],
];

test.each(requests)("on a bare connection: %s", async (_, request, status) => {
  const said = await raw(server, request);
  expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(JSON.parse(said.slice(said.indexOf("\r\n\r\n")))).toMatchObject({ error: { type: "invalid_request_error" } });
});

test("characters are never cut, neither the prompt's nor the text's", async () => {
  const prompt = "👩‍👩‍👧‍👦 ate 🍰 and said: “é, 中文, 🏳️‍🌈”";
  // The highest temperature and single bytes favoured: the text is full of halves of characters.
  const body = { prompt, max_tokens: 120, temperature: 2, top_k: 1024, repetition_penalty: 1, seed: 5, echo: true };
  const logitBias = Object.fromEntries(Array.from({ length: 128 }, (_, i) => [String(i + 128), 20]));
  const wild = { ...body, logit_bias: logitBias };
  const whole = (await ask(server, wild)).json as { choices: { text: string }[] };
  const text = whole.choices[0]?.text ?? "";
  expect(text.startsWith(prompt)).toBe(true);
  const events = eventsOf((await ask(server, { ...wild, stream: true })).text);
  expect(events.at(-1)).toBe("[DONE]");
  const chunks = events.slice(0, -1) as { choices: { text: string }[] }[];
  const parts = chunks.map(({ choices }) => choices[0]?.text ?? "");
  expect(parts.every((part) => !/[\uD800-\uDBFF]$|^[\uDC00-\uDFFF]/.test(part))).toBe(true);
  expect(parts.join("")).toBe(text);
});
