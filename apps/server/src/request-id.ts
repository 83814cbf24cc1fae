/** Every request has an id, in its answer's header and in its line of the log: the client's own, or a new one. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";

/** What may stand in a header and in a log as it came. */
const sane = /^[\w.:+/=@-]{1,128}$/;

export function requestIdOf({ headers }: Pick<IncomingMessage, "headers">): string {
  const own = headers["x-request-id"];
  return typeof own === "string" && sane.test(own) ? own : randomUUID();
}

export function addRequestId(app: FastifyInstance): void {
  app.addHook("onRequest", async ({ id }, reply) => {
    reply.header("x-request-id", id);
  });
}
