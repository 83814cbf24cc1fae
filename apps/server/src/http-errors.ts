/** Every answer that is no success, in the API's form. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ApiError, apiErrorOf } from "./openai/errors.js";

export function answerError(
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

export function addErrors(app: FastifyInstance): void {
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
