/** The HTTP server: routes, keys, limits, and an end in good order. */
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from "fastify";
import type { ZodType } from "zod";
import { DynamoError } from "@dynamo/core";
import { addCors, addKeys, addRateLimit } from "./access.js";
import type { Batches } from "./batch/batches.js";
import { addData, batchesOf } from "./batch/plugin.js";
import { connectionsOf, type Connections } from "./connections.js";
import { addHealth } from "./health.js";
import { addErrors, addNotFound, answerError } from "./http-errors.js";
import { createInference, type Inference } from "./inference/inference.js";
import type { InferenceSettings } from "./inference/messages.js";
import { watchMethods } from "./methods.js";
import { createMetrics, type Metrics } from "./metrics.js";
import { addOpenapi } from "./openapi.js";
import { addApi } from "./openai/routes.js";
import { validatorOf } from "./openai/validate.js";
import { addRequestId, requestIdOf } from "./request-id.js";
import type { ServerOptions } from "./server-options.js";
import { leases } from "./shared/leases.js";
import { openRedis } from "./shared/redis.js";
import { addSite } from "./site.js";
import { trustedProxies } from "./trust-proxy.js";
import { addJsonParser, refuseConnection } from "./wire.js";

export interface DynamoServer {
  readonly app: FastifyInstance;
  readonly models: ReadonlyMap<string, Inference>;
  /** Loads the models; rejects when one cannot be loaded. */
  start(): Promise<void>;
  /** Takes no more requests, lets those under way come to their end for so many milliseconds (10 s), and ends. */
  close(patience?: number): Promise<void>;
}

/** A busy machine may leave a process that lives without its turn for some tens of milliseconds. */
const leastHangSeconds = 0.5;

const uploadMilliseconds = 600_000;

export async function createServer(options: ServerOptions): Promise<DynamoServer> {
  const metrics = createMetrics();
  const app = createApp(options);
  const models = new Map(
    options.models.map(({ name, settings }) => [name, inferenceOf(app.log, metrics, name, settings, options)]),
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
  app.setValidatorCompiler(({ schema }) => validatorOf(schema as unknown as ZodType));
  addErrors(app);
  const addMethods = watchMethods(app);
  addJsonParser(app);
  addRequestId(app);
  await addCors(app, options);
  addKeys(app, options);
  addNotFound(app);
  app.addHook("onResponse", async ({ routeOptions: { url = "none" } }, { statusCode }) =>
    metrics.request(url, statusCode),
  );
  await addRateLimit(app, options, redis);
  await addOpenapi(app, { keys: options.keys !== undefined });
  if (options.site !== undefined) await addSite(app, options.site);
  const batches = await batchesOf(app, context);
  await app.register(async (scope) => {
    addHealth(scope, context);
    addApi(scope, context);
    await addData(scope, batches, {
      fileBytes: options.data?.fileBytes,
      receiveMilliseconds: receiveMilliseconds(options),
    });
  });
  addMethods();
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

const receiveMilliseconds = ({ receiveSeconds = 30 }: ServerOptions): number => 1000 * receiveSeconds;

function createApp(options: ServerOptions): FastifyInstance {
  const receive = receiveMilliseconds(options);
  const whole = options.data === undefined ? receive : Math.max(receive, uploadMilliseconds);
  return fastify({
    bodyLimit: options.bodyBytes ?? 2 * 2 ** 20,
    // A client has so long for its headers and body; an upload is waited for longer.
    requestTimeout: whole,
    connectionTimeout: 0,
    trustProxy: options.trustProxy === undefined ? false : trustedProxies(options.trustProxy),
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
    genReqId: requestIdOf,
    forceCloseConnections: "idle",
    logger: {
      level: options.logLevel ?? "info",
      redact: ["req.headers.authorization"],
      serializers: { req: ({ method, url }: FastifyRequest) => ({ method, url }) },
    },
  });
}

function inferenceOf(
  log: FastifyBaseLogger,
  metrics: Metrics,
  name: string,
  settings: InferenceSettings,
  { hangSeconds = 10 }: ServerOptions,
): Inference {
  if (!(hangSeconds >= leastHangSeconds))
    throw new DynamoError(
      "invalid-argument",
      `hangSeconds: expected at least ${leastHangSeconds}, received ${hangSeconds}`,
    );
  metrics.serves(name);
  return createInference({
    settings,
    hangMilliseconds: 1000 * hangSeconds,
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
