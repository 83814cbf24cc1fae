/** Every answer that is no success, in the API's form. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ApiError, apiErrorOf } from "./openai/errors.js";

export function answerError(
  error: Error & { statusCode?: number; code?: string },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const answer = errorFor(error);
  request.failure = answer.status >= 500 ? error : answer;
  // A URL that cannot be read is refused before any hook.
  reply.header("x-request-id", request.id);
  if (answer.retryAfter !== undefined) reply.header("retry-after", String(answer.retryAfter));
  return reply.status(answer.status).send(answer.body);
}

const missing = ({ method, url }: FastifyRequest): ApiError =>
  new ApiError(404, `there is no ${method} ${url.split("?")[0] ?? ""}`, { code: "not_found" });

/** Before all routes, which take it from here. */
export function addErrors(app: FastifyInstance): void {
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    throw missing(request);
  });
}

/** After the keys, so that who has none is not told what there is, and before the body, which nobody is there to take. */
export function addNotFound(app: FastifyInstance): void {
  app.addHook("onRequest", (request, _reply, done) => {
    done(request.is404 ? missing(request) : undefined);
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
