/** Fastify as the server needs it: its limits, its ids, its one line of log per request. */
import fastify, { type FastifyInstance } from "fastify";
import { answerError } from "./http-errors.js";
import { requestIdOf } from "./request-id.js";
import { OneLine, recordAtEnd, type OnRecord } from "./request-log.js";
import type { ServerOptions } from "./server-options.js";
import { trustedProxies } from "./trust-proxy.js";
import { refuseConnection } from "./wire.js";

const uploadMilliseconds = 600_000;

/** Fastify takes whole ones. */
export const receiveMilliseconds = ({ receiveSeconds = 30 }: ServerOptions): number => Math.ceil(1000 * receiveSeconds);

/** Where the log goes, a JSON object a line; default: standard output. */
export interface LogTarget {
  write(line: string): void;
}

export function createApp(options: ServerOptions, onRecord: OnRecord, target: LogTarget | undefined): FastifyInstance {
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
      connectionsCheckingInterval: Math.ceil(Math.min(receive / 2, 5_000)),
    },
    // A URL that cannot be read is refused before any hook.
    frameworkErrors: (error, request, reply) => {
      recordAtEnd(request, reply, onRecord);
      void answerError(error, request, reply);
    },
    // The API's form for what comes on a connection that is still open while the server closes.
    return503OnClosing: false,
    genReqId: requestIdOf,
    forceCloseConnections: "idle",
    logController: new OneLine(),
    logger: { level: options.logLevel ?? "info", ...(target === undefined ? {} : { stream: target }) },
  });
}
