/** What deploy/nginx.conf promises, with replicas that do on purpose what real ones do by accident. */
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, test } from "vitest";
import { nginxVersion, startNginx, type RunningNginx } from "./nginx.js";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Stub {
  readonly server: Server;
  readonly port: number;
  asked: number;
  answer: Answer;
}

const fine: Answer = (_request, response) => response.end("fine");
const dies: Answer = ({ socket }) => socket.destroy();
const loading: Answer = (_request, response) => response.writeHead(503).end("loading");

async function startStub(): Promise<Stub> {
  const stub = { asked: 0, answer: fine };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      (result as Stub).asked += 1;
      (result as Stub).answer(request, response);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const result = Object.assign(stub, { server, port: (server.address() as AddressInfo).port });
  return result;
}

describe.skipIf(nginxVersion() === undefined)("nginx.conf", () => {
  let stubs: [Stub, Stub];
  let nginx: RunningNginx;
  const post = (path: string): Promise<Response> => fetch(`${nginx.address}${path}`, { method: "POST", body: "{}" });

  // nginx remembers for two seconds who failed: each test has one of its own.
  beforeEach(async () => {
    stubs = [await startStub(), await startStub()];
    nginx = await startNginx([stubs[0].port, stubs[1].port]);
    return async () => {
      await nginx.stop();
      for (const { server } of stubs) {
        server.closeAllConnections();
        server.close();
      }
    };
  });

  /** Four requests, so that both replicas are asked first once or more. */
  async function statusesOf(path: string): Promise<number[]> {
    const statuses: number[] = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await post(path)).status);
    return statuses;
  }

  test.each([
    ["in chunks", true],
    ["until the connection ends", false],
  ])("passes an event on before the next one exists: a stream %s", async (_name, chunked) => {
    let next: ServerResponse | undefined;
    for (const stub of stubs)
      stub.answer = (_request, response) => {
        response.useChunkedEncodingByDefault = chunked;
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: 0\n\n");
        next = response;
      };
    const { body } = await post("/v1/completions");
    const reader = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    for (let i = 0; i < 5; i += 1) {
      // The replica writes event i + 1 only after event i has been read here: a buffer would hold both up for ever.
      expect(await reader.read()).toEqual({ done: false, value: `data: ${i}\n\n` });
      next?.write(`data: ${i + 1}\n\n`);
    }
    await reader.cancel();
  });

  test("tells the replica at once that a client has gone", async () => {
    const gone = new Promise((resolve) => {
      for (const stub of stubs)
        stub.answer = (_request, response) => {
          response.write("data: 0\n\n");
          response.on("close", () => resolve(true));
        };
    });
    const { body } = await post("/v1/completions");
    await body?.cancel();
    expect(await gone).toBe(true);
  });

  test.each(["/v1/completions", "/v1/chat/completions"])(
    "asks the other replica when one dies before its answer: %s",
    async (path) => {
      stubs[0].answer = dies;
      expect(await statusesOf(path)).toEqual([200, 200, 200, 200]);
      expect(stubs[0].asked).toBeGreaterThan(0);
    },
  );

  test("sends no other POST twice", async () => {
    for (const stub of stubs) stub.answer = dies;
    expect((await post("/v1/batches")).status).toBe(503);
    expect(stubs[0].asked + stubs[1].asked).toBe(1);
  });

  test("never begins an answer anew after its first byte", async () => {
    for (const stub of stubs)
      stub.answer = ({ socket }, response) => {
        response.write("data: 0\n\n", () => setTimeout(() => socket.destroy(), 50));
      };
    const response = await post("/v1/completions");
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect(stubs[0].asked + stubs[1].asked).toBe(1);
  });

  test("passes a replica over that loads its model or is being stopped", async () => {
    stubs[0].answer = loading;
    expect(await statusesOf("/v1/completions")).toEqual([200, 200, 200, 200]);
    expect((await fetch(`${nginx.address}/readyz`)).status).toBe(200);
    expect(stubs[0].asked).toBeGreaterThan(0);
  });

  test("a replica that nobody listens for is passed over, for any POST", async () => {
    stubs[0].server.close();
    expect(await statusesOf("/v1/batches")).toEqual([200, 200, 200, 200]);
  });

  test("with no replica at all, an error as the API tells them", async () => {
    for (const { server } of stubs) server.close();
    const response = await post("/v1/completions");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({ error: { code: "unavailable", type: "server_error", param: null } });
  });

  test("takes files of any size, and nothing else beyond what a server takes", async () => {
    const send = (path: string): Promise<Response> =>
      fetch(`${nginx.address}${path}`, { method: "POST", body: new Uint8Array(8 * 2 ** 20) });
    expect((await send("/v1/files")).status).toBe(200);
    expect((await send("/v1/completions")).status).toBe(413);
  });

  test.each([
    ["/%761/models", "/v1/models"],
    ["/a/..//v1/./%6Dodels?q=%2e", "/v1/models?q=%2e"],
    ["http://x/v1/%63ompletions", "/v1/completions"],
    ["/v1/chat%2fcompletions", "/v1/chat/completions"],
    ["/metrics%3fx", "/metrics%3Fx"],
  ])("a replica is asked for the path by which nginx chose: %s", async (target, path) => {
    const seen = new Promise((resolve) => {
      for (const stub of stubs)
        stub.answer = ({ url }, response) => {
          resolve(url);
          response.end();
        };
    });
    const { hostname, port } = new URL(nginx.address);
    get({ hostname, port, path: target });
    expect(await seen).toBe(path);
  });

  test("a limit is a path's own, however it is spelled", async () => {
    stubs[0].answer = dies;
    expect(await statusesOf("/v1/%63ompletions")).toEqual([200, 200, 200, 200]);
    const body = new Uint8Array(8 * 2 ** 20);
    expect((await fetch(`${nginx.address}/v1/filesystem`, { method: "POST", body })).status).toBe(413);
  });

  test("keeps metrics to itself", async () => {
    expect((await fetch(`${nginx.address}/metrics`)).status).toBe(404);
    expect(stubs[0].asked + stubs[1].asked).toBe(0);
  });
});
