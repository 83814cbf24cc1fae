/** Who may ask, from which pages, and how often. */
import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance } from "fastify";
import { ApiError } from "./openai/errors.js";
import type { ServerOptions } from "./server-options.js";
import type { SharedRedis } from "./shared/redis.js";
import { windowStore } from "./shared/window-store.js";

/** Milliseconds over which `perMinute` is counted. */
const rateWindow = 60_000;

/** Routes that a load balancer asks without a key. */
const open = new Set(["/healthz", "/readyz", "/metrics"]);

export function addKeys(app: FastifyInstance, { keys }: ServerOptions): void {
  app.addHook("onRequest", async (request, reply) => {
    request.caller = request.ip;
    reply.header("x-request-id", request.id);
    const { url } = request.routeOptions;
    if (keys === undefined || open.has(url ?? "") || !request.url.startsWith("/v1/")) return;
    const presented = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const name = presented === undefined ? undefined : keys.nameOf(presented.trim());
    if (name === undefined) {
      const what =
        presented === undefined ? "expected an API key: Authorization: Bearer …" : "this API key is not known";
      throw new ApiError(401, what, { type: "authentication_error", code: "invalid_api_key" });
    }
    request.caller = name;
  });
}

/** Before the keys: a browser asks for leave without one. */
export async function addCors(app: FastifyInstance, { origins }: ServerOptions): Promise<void> {
  if (origins === undefined || origins.length === 0) return;
  await app.register(cors, { origin: [...origins], exposedHeaders: ["retry-after", "x-request-id"] });
}

/** Of one caller; with a Redis all replicas count together. */
export async function addRateLimit(
  app: FastifyInstance,
  { perMinute }: ServerOptions,
  redis: SharedRedis | undefined,
): Promise<void> {
  if (perMinute === undefined) return;
  await app.register(rateLimit, {
    max: perMinute,
    timeWindow: rateWindow,
    ...(redis === undefined ? {} : { store: windowStore(redis.client, rateWindow) }),
    keyGenerator: ({ caller }) => caller,
    allowList: ({ url }) => !url.startsWith("/v1/"),
    hook: "preHandler",
  });
}
