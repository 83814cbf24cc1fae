/** Through the real nginx to a server with keys: no spelling of a path comes past either. */
import { Agent, request } from "node:http";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { apiKeys, createServer, keysOfEnvironment, type DynamoServer } from "@dynamo/server";
import { equalSpellings, otherSpellings } from "@dynamo/services/spellings";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nginxVersion, startNginx, type RunningNginx } from "./nginx.js";

const settings = {
  folder: "/nowhere",
  device: "cpu",
  dtype: undefined,
  threads: undefined,
  slots: 1,
  queue: 1,
} as const;
const key = { authorization: "Bearer a-key-of-alice" };
const paths = [
  "/v1/models",
  "/v1/completions",
  "/v1/chat/completions",
  "/v1/files",
  "/v1/files/x/content",
  "/v1/batches",
];

describe.skipIf(nginxVersion() === undefined)("nginx.conf and the server's keys", () => {
  let servers: DynamoServer[];
  let nginx: RunningNginx;
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  /** What handlers were called, by the path of their route. */
  const reached: string[] = [];
  const onHandler = (message: unknown): void => {
    const asked = (message as { request: { routeOptions: { url?: string } } }).request;
    reached.push(asked.routeOptions.url ?? "none");
  };
  const ask = (method: string, path: string, headers: object = {}): Promise<number> =>
    new Promise((resolve) => {
      const { hostname, port } = new URL(nginx.address);
      const asked = request({ agent, host: hostname, port, method, path, headers: { ...headers } }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      });
      asked.on("error", () => resolve(0));
      asked.end();
    });

  beforeAll(async () => {
    const keys = apiKeys(keysOfEnvironment("alice=a-key-of-alice"));
    const models = [{ name: "stories", settings }] as const;
    servers = await Promise.all([0, 1].map(() => createServer({ models, keys, logLevel: "silent" })));
    const addresses = await Promise.all(servers.map(({ app }) => app.listen({ port: 0, host: "127.0.0.1" })));
    const [first = 0, second = 0] = addresses.map((address) => Number(new URL(address).port));
    nginx = await startNginx([first, second]);
    subscribe("tracing:fastify.request.handler:start", onHandler);
  });
  afterAll(async () => {
    unsubscribe("tracing:fastify.request.handler:start", onHandler);
    agent.destroy();
    await nginx.stop();
    await Promise.all(servers.map((server) => server.close(0)));
  });

  test("without a key no handler of the API is reached", async () => {
    for (const path of paths)
      for (const target of [...equalSpellings(path), ...otherSpellings(path)])
        for (const method of ["GET", "POST"]) {
          const before = reached.length;
          const status = await ask(method, target);
          // A target that nginx reads as /healthz or /openapi.json is that page's.
          if (status !== 200)
            expect([method, target, [0, 400, 401, 404, 405].includes(status)]).toEqual([method, target, true]);
          for (const url of reached.slice(before))
            expect([target, ["/healthz", "/openapi.json"]]).toEqual([target, expect.arrayContaining([url])]);
        }
  });

  test("each escape of a path is the path: 401 without a key, and with one the route", async () => {
    for (const target of equalSpellings("/v1/models")) {
      expect([target, await ask("GET", target)]).toEqual([target, 401]);
      expect([target, await ask("GET", target, key)]).toEqual([target, 200]);
    }
  });

  test("no spelling of /metrics comes through, with a key or without", async () => {
    reached.length = 0;
    for (const target of [
      ...equalSpellings("/metrics"),
      ...otherSpellings("/metrics"),
      "/v1/../metrics",
      "/v1/..%2fmetrics",
    ])
      for (const method of ["GET", "HEAD"]) for (const headers of [{}, key]) await ask(method, target, headers);
    expect(reached.filter((url) => url === "/metrics")).toEqual([]);
  });
});
