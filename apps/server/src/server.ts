/** The HTTP server: routes, keys, limits, and an end in good order. */
import { randomUUID } from "node:crypto";
import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import fastifyStatic from "@fastify/static";
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { ZodType } from "zod";
import type { Batches } from "./batch/batches.js";
import { addData, batchesOf } from "./batch/plugin.js";
import { connectionsOf, type Connections } from "./connections.js";
import { createInference, type Inference } from "./inference/inference.js";
import type { InferenceSettings } from "./inference/messages.js";
import type { ApiKeys } from "./keys.js";
import { createMetrics, type Metrics } from "./metrics.js";
import { addOpenapi, docs } from "./openapi.js";
import { healthAnswer, readyAnswer } from "./openai/answers.js";
import { addApi } from "./openai/routes.js";
import { apiErrorOf, ApiError } from "./openai/errors.js";
import { validatorOf } from "./openai/validate.js";
import { leases, type Leases } from "./shared/leases.js";
import { openRedis, type SharedRedis } from "./shared/redis.js";
import { windowStore } from "./shared/window-store.js";
import { addJsonParser, refuseConnection } from "./wire.js";

export interface ServerModel {
  readonly name: string;
  readonly settings: InferenceSettings;
}

export interface ServerOptions {
  readonly models: readonly [ServerModel, ...ServerModel[]];
  /** Undefined: everybody may. */
  readonly keys?: ApiKeys | undefined;
  /** Requests a minute of one key, or of one address without keys; default: any number. */
  readonly perMinute?: number | undefined;
  /** Requests of one key at once; default 64. */
  readonly atOnce?: number | undefined;
  /** Seconds that a request may take, its wait included; default 600. */
  readonly requestSeconds?: number | undefined;
  /** Seconds in which a request has to arrive, its body included; default 30. */
  readonly receiveSeconds?: number | undefined;
  /** Bytes of a request's body; default 2 MiB. */
  readonly bodyBytes?: number | undefined;
  /** Origins whose pages may call; default none. */
  readonly origins?: readonly string[] | undefined;
  /** A Redis in which all replicas count together; undefined: this process counts by itself. */
  readonly redisUrl?: string | undefined;
  /** Log prompts; default false. */
  readonly logPrompts?: boolean | undefined;
  /** Files and batches; undefined: none, and their routes say so. */
  readonly data?: DataOptions | undefined;
  /** A folder with the playground's site, to be served at /. */
  readonly site?: string | undefined;
  readonly logLevel?: "fatal" | "error" | "warn" | "info" | "debug" | "silent" | undefined;
}

export interface DataOptions {
  /** Files are in it, and the embedded database when there is no other one. */
  readonly folder: string;
  /** PostgreSQL, which any number of servers with the same folder share. */
  readonly databaseUrl?: string | undefined;
  /** Lines of batches that this process computes at once; default: half a model's slots. 0 leaves them to others. */
  readonly linesAtOnce?: number | undefined;
  /** Bytes of one file; default 200 MB. */
  readonly fileBytes?: number | undefined;
}

export interface DynamoServer {
  readonly app: FastifyInstance;
  readonly models: ReadonlyMap<string, Inference>;
  /** Loads the models; rejects when one cannot be loaded. */
  start(): Promise<void>;
  /** Takes no more requests, lets those under way come to their end for so many milliseconds (10 s), and ends. */
  close(patience?: number): Promise<void>;
}

/** What routes share. */
export interface Context {
  readonly models: ReadonlyMap<string, Inference>;
  readonly options: ServerOptions;
  readonly metrics: Metrics;
  readonly created: number;
  /** Of requests under way, where replicas share a Redis. */
  readonly leases: Leases | undefined;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks: a key's name, or the address. */
    caller: string;
  }
}

const uploadMilliseconds = 600_000;
/** Milliseconds over which `perMinute` is counted. */
const rateWindow = 60_000;

export async function createServer(options: ServerOptions): Promise<DynamoServer> {
  const metrics = createMetrics();
  const receive = 1000 * (options.receiveSeconds ?? 30);
  const whole = options.data === undefined ? receive : Math.max(receive, uploadMilliseconds);
  const app = fastify({
    bodyLimit: options.bodyBytes ?? 2 * 2 ** 20,
    // A client has so long for its headers and body; an upload is waited for longer.
    requestTimeout: whole,
    connectionTimeout: 0,
    clientErrorHandler: refuseConnection,
    http: {
      headersTimeout: receive,
      requestTimeout: whole,
      connectionsCheckingInterval: Math.min(receive / 2, 5_000),
    },
    frameworkErrors: (error, request, reply) => {
      void answerError(error, request, reply);
    },
    // The API's form for what comes on a connection that is still open while the server closes.
    return503OnClosing: false,
    genReqId: () => randomUUID(),
    forceCloseConnections: "idle",
    logger: {
      level: options.logLevel ?? "info",
      redact: ["req.headers.authorization"],
      serializers: { req: ({ method, url }: FastifyRequest) => ({ method, url }) },
    },
  });
  const models = new Map(
    options.models.map(({ name, settings }) => [name, inferenceOf(app.log, metrics, name, settings)]),
  );
  const connections = connectionsOf(app.server);
  const redis =
    options.redisUrl === undefined ? undefined : openRedis(options.redisUrl, (level, line) => app.log[level](line));
  const shared = redis && leases(redis.client);
  const context = { models, options, metrics, created: Math.floor(Date.now() / 1000), leases: shared };
  app.addHook("onClose", () => {
    shared?.close();
    redis?.close();
  });
  app.decorateRequest("caller", "");
  app.setValidatorCompiler(({ schema }) => validatorOf(schema as unknown as ZodType));
  addErrors(app);
  addJsonParser(app);
  await addCors(app, options);
  addKeys(app, options);
  app.addHook("onResponse", async ({ routeOptions: { url = "none" } }, { statusCode }) =>
    metrics.request(url, statusCode),
  );
  await addPlugins(app, options, redis);
  const batches = await batchesOf(app, context);
  await app.register(async (scope) => {
    addHealth(scope, context);
    addApi(scope, context);
    await addData(scope, batches, { fileBytes: options.data?.fileBytes, receiveMilliseconds: receive });
  });
  let closing: Promise<void> | undefined;
  return {
    app,
    models,
    async start() {
      await Promise.all([...models.values()].map((inference) => inference.start()));
    },
    close: (patience = 10_000) => (closing ??= closeAll({ app, connections, models, batches }, patience)),
  };
}

function inferenceOf(log: FastifyBaseLogger, metrics: Metrics, name: string, settings: InferenceSettings): Inference {
  metrics.serves(name);
  return createInference({
    settings,
    onPass: (pass) => metrics.pass(name, pass),
    onState: (state) => metrics.state(name, state),
    log: (level, line) => log[level]({ model: name }, line),
  });
}

interface Running {
  readonly app: FastifyInstance;
  readonly connections: Connections;
  readonly models: ReadonlyMap<string, Inference>;
  readonly batches: Batches | undefined;
}

async function closeAll({ app, connections, models, batches }: Running, patience: number): Promise<void> {
  const late = setTimeout(() => app.server.closeAllConnections(), patience + 1_000);
  // Also those whose last answer comes after the server has begun to close: proxies keep them.
  const unused = setInterval(() => connections.closeUnused(), 50);
  const closed = app.close();
  await Promise.all([batches?.close(patience), ...[...models.values()].map((inference) => inference.close(patience))]);
  await closed;
  clearTimeout(late);
  clearInterval(unused);
}

function answerError(
  error: Error & { statusCode?: number; code?: string },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const answer = errorFor(error);
  if (answer.status >= 500) request.log.error({ err: error }, error.message);
  // A URL that cannot be read is refused before any hook.
  reply.header("x-request-id", request.id);
  if (answer.retryAfter !== undefined) reply.header("retry-after", String(answer.retryAfter));
  return reply.status(answer.status).send(answer.body);
}

function addErrors(app: FastifyInstance): void {
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(({ method, url }, reply) => {
    const { status, body } = new ApiError(404, `there is no ${method} ${url.split("?")[0] ?? ""}`, {
      code: "not_found",
    });
    return reply.status(status).send(body);
  });
}

/** Fastify's own errors have statuses below 500: what the client did wrong before any handler ran. */
function errorFor(error: Error & { statusCode?: number; code?: string; validation?: unknown }): ApiError {
  const { statusCode = 500 } = error;
  if (error instanceof ApiError || statusCode >= 500) return apiErrorOf(error);
  return new ApiError(statusCode, error.message, {
    ...(statusCode === 429 ? { type: "rate_limit_error", code: "rate_limit_exceeded" } : {}),
  });
}

/** Routes that a load balancer asks without a key. */
const open = new Set(["/healthz", "/readyz", "/metrics"]);

function addKeys(app: FastifyInstance, { keys }: ServerOptions): void {
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
async function addCors(app: FastifyInstance, { origins }: ServerOptions): Promise<void> {
  if (origins === undefined || origins.length === 0) return;
  await app.register(cors, { origin: [...origins], exposedHeaders: ["retry-after", "x-request-id"] });
}

async function addPlugins(
  app: FastifyInstance,
  { keys, perMinute, site }: ServerOptions,
  redis: SharedRedis | undefined,
): Promise<void> {
  if (perMinute !== undefined) {
    await app.register(rateLimit, {
      max: perMinute,
      timeWindow: rateWindow,
      ...(redis === undefined ? {} : { store: windowStore(redis.client, rateWindow) }),
      keyGenerator: ({ caller }) => caller,
      allowList: ({ url }) => !url.startsWith("/v1/"),
      hook: "preHandler",
    });
  }
  await addOpenapi(app, { keys: keys !== undefined });
  if (site !== undefined) {
    await app.register(fastifyStatic, {
      root: site,
      setHeaders: (reply) => {
        // Threads of WASM need a page that is cross-origin isolated.
        void reply.header("Cross-Origin-Opener-Policy", "same-origin");
        void reply.header("Cross-Origin-Embedder-Policy", "require-corp");
      },
    });
  }
}

function addHealth(app: FastifyInstance, { models, metrics }: Context): void {
  const operation = (summary: string, answer: ZodType | string): ReturnType<typeof docs> =>
    docs({ tag: "Operation", summary, answer });
  app.get("/healthz", operation("The process lives", healthAnswer), () => ({ status: "ok" }));
  app.get(
    "/readyz",
    operation("The models are loaded; 503 until then", readyAnswer),
    (_request, reply: FastifyReply) => {
      const waiting = [...models].filter(([, inference]) => !inference.ready).map(([name]) => name);
      if (waiting.length > 0) reply.status(503).header("retry-after", "1");
      return { status: waiting.length === 0 ? "ready" : "loading", waiting };
    },
  );
  app.get("/metrics", operation("For Prometheus", "text/plain"), async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
  app.get("/openapi.json", () => app.swagger());
}
