/** A server in this process that computes nothing, every route that it has, and every call of a handler. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Agent, request } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { createServer } from "../src/server.js";
import type { ServerOptions } from "../src/server-options.js";

export interface DoorsServer {
  readonly routes: readonly RouteOptions[];
  /** Routes of the handlers that were called and are not public, since the last call. */
  reached(): string[];
  ask(method: string, target: string, headers?: Readonly<Record<string, string>>, body?: string): Promise<DoorsAnswer>;
  close(): Promise<void>;
}

export interface DoorsAnswer {
  /** 0: the connection was ended without an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const settings = {
  folder: "/nowhere",
  device: "cpu",
  dtype: undefined,
  threads: undefined,
  slots: 1,
  queue: 1,
} as const;

export async function openDoors(options: Partial<ServerOptions>): Promise<DoorsServer> {
  const folder = await mkdtemp(join(tmpdir(), "dynamo-doors-"));
  await writeFile(join(folder, "index.html"), "the site");
  const routes: RouteOptions[] = [];
  const onInstance = (message: unknown): void => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook("onRoute", (route) => void routes.push(route));
  };
  subscribe("fastify.initialization", onInstance);
  const { app, close } = await createServer({
    models: [{ name: "stories", settings }],
    site: folder,
    logLevel: "silent",
    ...options,
  });
  unsubscribe("fastify.initialization", onInstance);
  const calls: string[] = [];
  const onHandler = (message: unknown): void => {
    const { method, url, routeOptions } = (message as { request: FastifyRequest }).request;
    if (routeOptions.config.public !== true) calls.push(`${method} ${url} at ${routeOptions.url ?? "none"}`);
  };
  subscribe("tracing:fastify.request.handler:start", onHandler);
  const { port } = new URL(await app.listen({ port: 0, host: "127.0.0.1" }));
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  return {
    routes,
    reached: () => calls.splice(0),
    ask: (...asked) => askRaw(agent, Number(port), ...asked),
    async close() {
      agent.destroy();
      unsubscribe("tracing:fastify.request.handler:start", onHandler);
      await close(0);
      await rm(folder, { recursive: true });
    },
  };
}

/** The target goes out as it stands. */
function askRaw(
  agent: Agent,
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<DoorsAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, host: "127.0.0.1", port, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (data: string) => (text += data));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    // What is no HTTP ends a connection that has been used before, and its answer has a body even to HEAD.
    asked.on("error", (error: Error & { code?: string }) =>
      ["ECONNRESET", "HPE_CLOSED_CONNECTION"].includes(error.code ?? "")
        ? resolve({ status: 0, headers: {}, body: "" })
        : reject(error),
    );
    asked.end(body);
  });
}
