/** What the log, the metrics and the traces tell of each request, however it ends. */
import { once } from "node:events";
import { createServer as createHttp, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { apiKeys, keysOfEnvironment } from "../src/keys.js";
import { createServer, type DynamoServer } from "../src/server.js";
import { fakeInference } from "./fake-inference.js";
import { until } from "./http.js";

interface Line extends Record<string, unknown> {
  readonly msg: string;
  readonly level: number;
  readonly seconds: Readonly<Record<string, number>>;
}

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
}

/** Spans as a collector gets them. */
const spans: Span[] = [];
let service: unknown;
let collector: Server;
let server: DynamoServer;
let address: string;
let lines: Line[] = [];

beforeAll(async () => {
  collector = createHttp((request, response) => {
    let body = "";
    request.on("data", (data) => (body += String(data)));
    request.on("end", () => {
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { resource: { attributes: unknown }; scopeSpans: { spans: Span[] }[] }[];
      };
      service = resourceSpans[0]?.resource.attributes;
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans: own }) => own)));
      expect(request.url).toBe("/v1/traces");
      response.setHeader("content-type", "application/json").end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(collector, "listening");
  const settings = {
    folder: "/nowhere",
    device: "cpu",
    dtype: undefined,
    threads: undefined,
    slots: 1,
    queue: 4,
  } as const;
  server = await createServer(
    {
      models: [{ name: "stories", settings }],
      keys: apiKeys(keysOfEnvironment("alice=a-key-of-alice")),
      requestSeconds: 2,
      otlp: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`,
      logLevel: "debug",
    },
    { inference: fakeInference, log: { write: (line) => void lines.push(JSON.parse(line) as Line) } },
  );
  address = await server.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(async () => {
  await server.close(0);
  collector.closeAllConnections();
  collector.close();
});
beforeEach(() => {
  lines = [];
});

const headers = {
  "content-type": "application/json",
  authorization: "Bearer a-key-of-alice",
  "x-request-id": "mine-1",
};
const ask = (
  body: object,
  { path = "/v1/completions", signal }: { path?: string; signal?: AbortSignal } = {},
): Promise<Response> =>
  fetch(address + path, { method: "POST", headers, body: JSON.stringify(body), signal: signal ?? null });

/** The line of the one request since the test's beginning. */
async function lineOf(): Promise<Line> {
  await until(() => lines.some(({ msg }) => msg === "request"));
  expect(lines.filter(({ msg }) => msg !== "request")).toEqual([]);
  expect(lines).toHaveLength(1);
  return lines[0] as Line;
}

const sampleOf = async (name: string, labels: Record<string, string>): Promise<number> => {
  const text = await (await fetch(`${address}/metrics`)).text();
  lines = [];
  const line = text.split("\n").find((each) => {
    const own = each.startsWith(`${name}{`) ? each : "";
    return own !== "" && Object.entries(labels).every(([label, value]) => own.includes(`${label}="${value}"`));
  });
  return Number(line?.split(" ").at(-1) ?? 0);
};

const request = {
  requestId: "mine-1",
  method: "POST",
  path: "/v1/completions",
  route: "/v1/completions",
  key: "alice",
};
const text = { model: "stories", operation: "text_completion" };

describe("one line of the log for each request", () => {
  test.each([false, true])("a whole answer, streamed: %s", async (stream) => {
    const response = await ask({ prompt: "text", stream });
    await response.text();
    expect(response.headers.get("x-request-id")).toBe("mine-1");
    const { seconds, ...line } = await lineOf();
    const tokens = { promptTokens: 7, cachedTokens: 2, completionTokens: 3, finishReason: "length" };
    expect(line).toMatchObject({ level: 30, ...request, ...text, ...tokens, status: 200, outcome: "complete", stream });
    expect(line["error"]).toBeUndefined();
    expect(seconds["queued"]).toBe(0.25);
    expect(seconds["firstToken"]).toBeGreaterThan(0);
    expect(seconds["total"]).toBeGreaterThanOrEqual(seconds["firstToken"] ?? Infinity);
  });

  test("usage stands in each event of a stream that asked for it, null in all but the last", async () => {
    const usagesOf = async (more: object): Promise<unknown[]> => {
      const events = (await (await ask({ prompt: "text", stream: true, ...more })).text()).split("\n\n").slice(0, -2);
      return events.map((event) => (JSON.parse(event.slice("data: ".length)) as { usage?: unknown }).usage);
    };
    const [last, ...before] = (await usagesOf({ stream_options: { include_usage: true } })).reverse();
    expect([before, last]).toEqual([[null, null, null], expect.objectContaining({ completion_tokens: 3 })]);
    expect(new Set(await usagesOf({}))).toEqual(new Set([undefined]));
  });

  test("a failure in mid-stream is one, though its status was 200", async () => {
    const failed = { route: "/v1/completions", model: "stories", status: "500", outcome: "failed" };
    const before = await sampleOf("dynamo_requests_total", failed);
    const response = await ask({ prompt: "break", stream: true });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"code":"inference_failed"');
    const line = await lineOf();
    expect(line).toMatchObject({
      level: 50,
      ...request,
      ...text,
      status: 500,
      outcome: "failed",
      error: "inference_failed",
      completionTokens: 1,
    });
    expect(line["err"]).toMatchObject({ message: "the process ended" });
    expect(await sampleOf("dynamo_requests_total", failed)).toBe(before + 1);
    expect(await sampleOf("gen_ai_server_request_duration_seconds_count", { error_type: "inference_failed" })).toBe(1);
  });

  test("a time-out, also of a stream whose status was 200", async () => {
    const asked = [
      ask({ prompt: "hang", stream: true }),
      ask({ prompt: "hang", stream: false }),
      ask({ prompt: "queue", stream: false }),
    ];
    const responses = await Promise.all(asked);
    expect(responses.map(({ status }) => status)).toEqual([200, 408, 408]);
    await Promise.all(responses.map((response) => response.text()));
    await until(() => lines.length >= 3);
    const timeout = { level: 40, ...request, ...text, status: 408, outcome: "timeout", error: "timeout" };
    expect(lines).toMatchObject([timeout, timeout, timeout]);
  });

  test.each([
    ["in mid-stream", "hang", true],
    ["while it waits", "queue", false],
  ])("a client that leaves %s", async (_when, prompt, stream) => {
    const controller = new AbortController();
    const asked = ask({ prompt, stream }, { signal: controller.signal });
    if (stream) await (await asked).body?.getReader().read();
    else await new Promise((resolve) => server.app.server.once("request", resolve));
    controller.abort();
    await asked.catch(() => undefined);
    const line = await lineOf();
    expect(line).toMatchObject({ level: 30, ...request, ...text, status: 499, outcome: "left" });
    expect(line["error"]).toBeUndefined();
  });

  test.each([
    ["no JSON", "{", {}, "/v1/completions", 400, "invalid_request_error"],
    ["a parameter that is none", '{"prompt": "a", "n": 0}', {}, "/v1/completions", 400, "invalid_request_error"],
    ["an unknown model", '{"prompt": "a", "model": "x"}', {}, "/v1/completions", 404, "model_not_found"],
    ["no key", "{}", { authorization: "" }, "/v1/completions", 401, "invalid_api_key"],
    ["a full queue", '{"prompt": "refuse"}', {}, "/v1/completions", 429, "queue_full"],
    ["no route", "{}", {}, "/v1/nothing", 404, "not_found"],
    ["no such method", "{}", {}, "/v1/models", 405, "method_not_allowed"],
    ["no URL", "{}", {}, "/v1/%zz", 400, "invalid_request_error"],
  ])("refused: %s", async (_what, body, own, path, status, error) => {
    const response = await fetch(address + path, { method: "POST", headers: { ...headers, ...own }, body });
    expect(response.status).toBe(status);
    await response.text();
    expect(await lineOf()).toMatchObject({ level: 30, requestId: "mine-1", path, status, outcome: "refused", error });
  });

  test("what load balancers ask is a line at level debug", async () => {
    await (await fetch(`${address}/healthz`)).text();
    expect(await lineOf()).toMatchObject({ level: 20, route: "/healthz", status: 200 });
  });
});

describe("metrics", () => {
  const generation = {
    gen_ai_operation_name: "text_completion",
    gen_ai_provider_name: "dynamo",
    gen_ai_request_model: "stories",
  };
  test.each([
    ["gen_ai_client_token_usage_sum", { ...generation, gen_ai_token_type: "input" }, 7],
    ["gen_ai_client_token_usage_sum", { ...generation, gen_ai_token_type: "output" }, 3],
    ["gen_ai_server_time_to_first_token_seconds_sum", generation, 0.5],
    ["gen_ai_server_time_per_output_token_seconds_sum", generation, 0.5],
    ["gen_ai_server_request_duration_seconds_count", generation, 1],
    ["dynamo_reused_tokens_total", { model: "stories" }, 2],
    ["dynamo_requests_total", { route: "/v1/completions", model: "stories", status: "200", outcome: "complete" }, 1],
    [
      "http_server_request_duration_seconds_count",
      { http_request_method: "POST", http_route: "/v1/completions", http_response_status_code: "200" },
      1,
    ],
  ])("%s %j grows with a text", async (name, labels, more) => {
    const before = await sampleOf(name, labels);
    await (await ask({ prompt: "text" })).text();
    await lineOf();
    expect((await sampleOf(name, labels)) - before).toBeCloseTo(more, 9);
  });
});

describe("traces", () => {
  /** By key, in the values' own types. */
  const attributesOf = ({ attributes }: Span): Record<string, unknown> =>
    Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value as object)[0] as unknown]));

  test("a request is a span of the client's trace, and its parts are spans in it", async () => {
    const [traceId, parent] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    const traced = { ...headers, traceparent: `00-${traceId}-${parent}-01` };
    await (
      await fetch(`${address}/v1/completions`, { method: "POST", headers: traced, body: '{"prompt": "text"}' })
    ).text();
    await (await ask({ prompt: "break", stream: true })).text();
    await (await fetch(`${address}/healthz`)).text();
    await until(() => lines.length === 3);
    // What has not been sent yet goes out when the server ends.
    await server.close(0);
    const own = spans.filter((span) => span.traceId === traceId);
    const [root] = own.filter(({ kind }) => kind === 2);
    expect(root).toMatchObject({ name: "text_completion stories", parentSpanId: parent });
    expect(attributesOf(root as Span)).toMatchObject({
      "gen_ai.operation.name": "text_completion",
      "gen_ai.request.model": "stories",
      "gen_ai.usage.input_tokens": 7,
      "gen_ai.usage.output_tokens": 3,
      "http.route": "/v1/completions",
      "http.response.status_code": 200,
      "dynamo.request_id": "mine-1",
      "dynamo.key": "alice",
    });
    const parts = own.filter((span) => span.parentSpanId === root?.spanId);
    expect(parts.map(({ name }) => name)).toEqual(["queue", "prefill", "decode"]);
    for (const span of own) expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
    expect(service).toEqual(expect.arrayContaining([{ key: "service.name", value: { stringValue: "dynamo-server" } }]));
    const broken = spans.filter(({ status }) => status.code === 2).map(attributesOf);
    expect(broken).toEqual(expect.arrayContaining([expect.objectContaining({ "error.type": "inference_failed" })]));
    expect(spans.some((span) => attributesOf(span)["http.route"] === "/healthz")).toBe(false);
  });

  test("an address that is none is refused", async () => {
    const model = { name: "stories", settings: { folder: "/nowhere", device: "cpu", slots: 1, queue: 1 } };
    await expect(createServer({ models: [model as never], otlp: "localhost:4318" })).rejects.toThrow(
      /expected the http or https address/,
    );
  });
});
