/** One line of the log for each request, when it has ended: answered, failed, or left by its client. */
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { recordOf, type Outcome, type RequestRecord } from "./request-record.js";
import type { TextWork } from "./text-work.js";

declare module "fastify" {
  interface FastifyRequest {
    /** What went wrong, also after the answer had begun. */
    failure: unknown;
    /** The texts that it asks for. */
    work: TextWork | undefined;
  }
}

/** Fastify's own lines of a request say less: there is one, and it is ours. */
export class OneLine extends fastify.LogController {
  constructor() {
    super({ disableRequestLogging: true });
  }
}

export type OnRecord = (record: RequestRecord) => void;

/** Before every other hook, so that whatever they refuse is recorded too. */
export function addRecords(app: FastifyInstance, onRecord: OnRecord): void {
  app.decorateRequest("failure", undefined);
  app.decorateRequest("work", undefined);
  app.addHook("onRequest", (request, reply, done) => {
    recordAtEnd(request, reply, onRecord);
    done();
  });
}

/** "close" comes after the last byte of an answer, and when the connection is gone before. */
export function recordAtEnd(request: FastifyRequest, reply: FastifyReply, onRecord: OnRecord): void {
  const started = performance.now();
  reply.raw.once("close", () => onRecord(recordOf({ request, reply, started, ended: performance.now() })));
}

const levels: Readonly<Record<Outcome, "info" | "warn" | "error">> = {
  complete: "info",
  refused: "info",
  left: "info",
  timeout: "warn",
  failed: "error",
};

const rounded = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : Math.round(seconds * 1e6) / 1e6;

/** What load balancers ask every second is written at level debug only. */
export function logRecord(log: FastifyBaseLogger, record: RequestRecord): void {
  const { isPublic, outcome, text } = record;
  const { method, path, route, status, key, address, errorCode, failure } = record;
  // A model that is being loaded is no failure of /readyz.
  const level = isPublic && failure === undefined ? "debug" : levels[outcome];
  log[level](
    {
      ...{ requestId: record.id, method, path, route, status, outcome },
      ...(key === undefined ? { address } : { key }),
      ...(errorCode === undefined ? {} : { error: errorCode }),
      // Whose fault it is not wants to know where it happened.
      ...(outcome === "failed" ? { err: failure } : {}),
      ...(text === undefined ? {} : textFields(text)),
      seconds: {
        ...(text === undefined ? {} : { queued: rounded(text.queued), firstToken: rounded(text.firstToken) }),
        total: rounded(record.seconds),
      },
    },
    "request",
  );
}

function textFields(text: NonNullable<RequestRecord["text"]>): object {
  const { id, model, operation, stream, promptTokens, cachedTokens, completionTokens, finishReasons } = text;
  return {
    ...{ id, model, operation, stream, promptTokens, cachedTokens, completionTokens },
    ...(finishReasons.length === 0 ? {} : { finishReason: [...new Set(finishReasons)].join(",") }),
  };
}
