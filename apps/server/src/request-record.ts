/** What is known of a request when it has ended: for its line of the log, its metrics and its trace. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { InferenceEnd } from "./inference/messages.js";
import { usageOf } from "./openai/bodies.js";
import { apiErrorOf } from "./openai/errors.js";
import type { TextWork } from "./text-work.js";

export type Outcome =
  | "complete"
  /** By the server, for what the client did. */
  | "refused"
  /** Of the server, also in mid-stream. */
  | "failed"
  | "timeout"
  /** The client, before its answer was whole. */
  | "left";

export interface RequestRecord {
  readonly id: string;
  readonly method: string;
  /** As the client wrote it, without its query. */
  readonly path: string;
  /** "none": no route was matched. */
  readonly route: string;
  readonly isPublic: boolean;
  /** Also where something else was sent: an error in mid-stream has its own, a client that left 499. */
  readonly status: number;
  readonly outcome: Outcome;
  /** The API's code or type of error. */
  readonly errorCode: string | undefined;
  readonly failure: unknown;
  /** A key's name; undefined without keys. */
  readonly key: string | undefined;
  readonly address: string;
  /** Of the client's trace, when it sends one. */
  readonly traceparent: string | undefined;
  /** Milliseconds since 1970. */
  readonly started: number;
  /** Seconds from its headers to the last byte of its answer. */
  readonly seconds: number;
  readonly text: TextRecord | undefined;
}

/** Of a request for texts; undefined is what had not been known when it ended. */
export interface TextRecord extends Pick<TextWork, "id" | "model" | "operation" | "stream"> {
  readonly promptTokens: number | undefined;
  readonly cachedTokens: number | undefined;
  readonly completionTokens: number;
  readonly finishReasons: readonly InferenceEnd["finishReason"][];
  /** Seconds until its first text had a slot, and from its headers until a token had been written. */
  readonly queued: number | undefined;
  readonly firstToken: number | undefined;
}

/** Of nginx, and by now of others: the client closed the request. */
const statusOfLeft = 499;

export interface EndedRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Both as performance.now() has it, in milliseconds. */
  readonly started: number;
  readonly ended: number;
}

export function recordOf({ request, reply, started, ended }: EndedRequest): RequestRecord {
  const { failure, work, routeOptions, headers } = request;
  const error = failure === undefined ? undefined : apiErrorOf(failure).body.error;
  const status = statusOf(request, reply);
  return {
    id: request.id,
    method: request.method,
    path: request.url.split("?")[0] ?? "",
    route: routeOptions.url ?? "none",
    isPublic: routeOptions.config.public === true,
    status,
    outcome: outcomeOf(status, error?.code),
    errorCode: error === undefined ? undefined : (error.code ?? error.type),
    failure,
    key: request.owner === "" ? undefined : request.owner,
    address: request.ip,
    traceparent: typeof headers["traceparent"] === "string" ? headers["traceparent"] : undefined,
    started: Date.now() - (ended - started),
    seconds: (ended - started) / 1000,
    text: work === undefined ? undefined : textRecord(work, started),
  };
}

function statusOf({ failure }: FastifyRequest, { raw, statusCode }: FastifyReply): number {
  if (failure !== undefined) return apiErrorOf(failure).status;
  return raw.writableFinished ? statusCode : statusOfLeft;
}

function outcomeOf(status: number, code: string | null | undefined): Outcome {
  if (status === statusOfLeft) return "left";
  if (code === "timeout") return "timeout";
  if (status >= 500) return "failed";
  return status >= 400 ? "refused" : "complete";
}

function textRecord({ ends, texts, written, firstText, ...work }: TextWork, started: number): TextRecord {
  const { id, model, operation, stream } = work;
  const usage = ends.length === 0 ? undefined : usageOf(ends);
  return {
    ...{ id, model, operation, stream },
    promptTokens: usage?.prompt_tokens,
    cachedTokens: usage?.prompt_tokens_details.cached_tokens,
    // Of a text that was begun anew only its last beginning counts.
    completionTokens: usage !== undefined && ends.length === texts ? usage.completion_tokens : written,
    finishReasons: ends.map(({ end }) => end.finishReason),
    queued: usage === undefined ? undefined : Math.min(...ends.map(({ end }) => end.statistics.seconds.queued)),
    firstToken: firstText === undefined ? undefined : (firstText - started) / 1000,
  };
}
