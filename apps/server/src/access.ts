/**
 * Who may ask, from which pages, and how often. Decided by the route that the request matched, never by how its address was
 * spelled; closed unless the route says that it is public.
 */
import cors from "@fastify/cors";
import rateLimit, { normalizeIP } from "@fastify/rate-limit";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiKeys } from "./keys.js";
import { ApiError } from "./openai/errors.js";
import type { ServerOptions } from "./server-options.js";
import type { SharedRedis } from "./shared/redis.js";
import { windowStore } from "./shared/window-store.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Answered without a key and without limits. */
    public?: true;
  }
  interface FastifyRequest {
    /** Who asks: a key's name, or the address. */
    caller: string;
    /** Whose things it sees, as files and what was computed of its prompts: a key's name; "" without keys, when everybody is the same. */
    owner: string;
  }
}

/** Milliseconds over which `perMinute` is counted. */
const rateWindow = 60_000;

/** No route is public that nobody defined. */
const isPublic = ({ is404, routeOptions }: FastifyRequest): boolean => !is404 && routeOptions.config.public === true;

export function addKeys(app: FastifyInstance, { keys }: ServerOptions): void {
  app.decorateRequest("caller", "");
  app.decorateRequest("owner", "");
  app.addHook("onRequest", (request, _reply, done) => {
    // An IPv6 user has a whole network of addresses.
    request.caller = normalizeIP(request.ip);
    done(keys === undefined || isPublic(request) ? undefined : identify(request, keys));
  });
}

/** Says who it is, or what keeps it out. */
function identify(request: FastifyRequest, keys: ApiKeys): ApiError | undefined {
  const presented = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const name = presented === undefined ? undefined : keys.nameOf(presented.trim());
  if (name === undefined) {
    const what = presented === undefined ? "expected an API key: Authorization: Bearer …" : "this API key is not known";
    return new ApiError(401, what, { type: "authentication_error", code: "invalid_api_key" });
  }
  request.caller = name;
  request.owner = name;
  return undefined;
}

/** What a page may read of an answer's headers, beside those that it may always read. */
const exposedHeaders = [
  ...["allow", "content-length", "retry-after", "x-request-id", "x-dynamo-dropped-messages"],
  ...["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
];

/** Before the keys: a browser asks for leave without one. */
export async function addCors(app: FastifyInstance, { origins }: ServerOptions): Promise<void> {
  if (origins === undefined || origins.length === 0) return;
  const shared = { origin: [...origins], exposedHeaders };
  await app.register(cors, () => (request: FastifyRequest, then: (error: null, options: object) => void) => {
    const { origin, "access-control-request-method": wanted } = request.headers;
    // Any other OPTIONS is a request like others.
    const preflight = origin !== undefined && wanted !== undefined;
    then(null, { ...shared, preflight, methods: [...(request.routeOptions.config.methods ?? [])] });
  });
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
    allowList: isPublic,
    // Its own hook of each route, which comes after the keys' and before the body is read.
    hook: "onRequest",
  });
}
