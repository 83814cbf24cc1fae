/** The HTTP server: routes, keys, limits, and an end in good order. */
import { DynamoError } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import type { FastifyInstance } from "fastify";
import type { ZodType } from "zod";
import { addCors, addKeys, addRateLimit } from "./access.js";
import { createApp, receiveMilliseconds } from "./app.js";
import type { Batches } from "./batch/batches.js";
import { addData, batchesOf } from "./batch/plugin.js";
import { connectionsOf, type Connections } from "./connections.js";
import { addHealth } from "./health.js";
import { addErrors, addNotFound } from "./http-errors.js";
import { createInference, type Inference } from "./inference/inference.js";
import { watchMethods } from "./methods.js";
import { createMetrics, type Metrics } from "./metrics.js";
import { addOpenapi } from "./openapi.js";
import { addApi } from "./openai/routes.js";
import { validatorOf } from "./openai/validate.js";
import { addRequestId } from "./request-id.js";
import { addRecords, logRecord, type OnRecord } from "./request-log.js";
import { servedModels } from "./served-models.js";
import { checkServer, patienceCheck } from "./server-checks.js";
import type { ServerOptions } from "./server-options.js";
import type { ServerParts } from "./server-parts.js";
import { leases } from "./shared/leases.js";
import { openRedis } from "./shared/redis.js";
import { addSite } from "./site.js";
import type { Traces } from "./traces.js";
import { addJsonParser } from "./wire.js";

/** A server over its models; `app` listens. */
export interface DynamoServer {
  readonly app: FastifyInstance;
  readonly models: ReadonlyMap<string, Inference>;
  /** Loads the models; rejects when one cannot be loaded. */
  start(): Promise<void>;
  /** Takes no more requests, lets those under way come to their end for so many milliseconds (10 s), and ends. */
  close(patience?: number): Promise<void>;
}

/** A server for these models; nothing is loaded before `start`. Throws `invalid-argument` for options that are wrong or unknown. */
export async function createServer(options: ServerOptions, parts: ServerParts = {}): Promise<DynamoServer> {
  checkServer(options, parts);
  const metrics = createMetrics();
  const traces = await tracesOf(options, (line) => app.log.warn(line));
  const onRecord: OnRecord = (record) => {
    metrics.request(record);
    logRecord(app.log, record);
    traces?.record(record);
  };
  const app = createApp(options, onRecord, parts.log);
  try {
    return await filled({ app, metrics, traces, onRecord }, options, parts);
  } catch (error) {
    // Whatever was opened is closed with it.
    await app.close();
    throw error;
  }
}

interface Begun {
  readonly app: FastifyInstance;
  readonly metrics: Metrics;
  readonly traces: Traces | undefined;
  readonly onRecord: OnRecord;
}

/** What is opened here ends with the app. */
async function filled(
  { app, metrics, traces, onRecord }: Begun,
  options: ServerOptions,
  parts: ServerParts,
): Promise<DynamoServer> {
  app.addHook("onClose", () => traces?.close());
  const models = servedModels(options, { make: parts.inference ?? createInference, log: app.log, metrics });
  const connections = connectionsOf(app.server);
  const redis =
    options.redisUrl === undefined ? undefined : openRedis(options.redisUrl, (level, line) => app.log[level](line));
  const shared = redis && leases(redis.client);
  const context = { models, options, metrics, created: Math.floor(Date.now() / 1000), leases: shared };
  app.addHook("onClose", (_app, done) => {
    shared?.close();
    redis?.close();
    done();
  });
  app.setValidatorCompiler(({ schema }) => validatorOf(schema as unknown as ZodType));
  addErrors(app);
  const addMethods = watchMethods(app);
  addJsonParser(app);
  addRecords(app, onRecord);
  addRequestId(app);
  await addCors(app, options);
  addKeys(app, options);
  addNotFound(app);
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
    close: async (patience = 10_000) => {
      checkValue("patience", patience, patienceCheck);
      await (closing ??= closeAll({ app, connections, models, batches }, patience));
    },
  };
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

/** The OpenTelemetry SDK is loaded only where there is a collector. Throws `invalid-argument` for an address that is none. */
async function tracesOf({ otlp }: ServerOptions, log: (line: string) => void): Promise<Traces | undefined> {
  if (otlp === undefined) return undefined;
  if (!/^https?:\/\//.test(otlp) || !URL.canParse(otlp))
    throw new DynamoError(
      "invalid-argument",
      `otlp: expected the http or https address of a collector, received ${otlp}`,
    );
  const { openTraces } = await import("./traces.js");
  return openTraces({ endpoint: otlp, log });
}
