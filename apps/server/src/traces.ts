/** Requests as traces for an OpenTelemetry collector (OTLP over HTTP, JSON). Loaded only where somebody asks for it. */
import { setTimeout as delay } from "node:timers/promises";
import {
  context,
  diag,
  DiagLogLevel,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Tracer,
} from "@opentelemetry/api";
import { parseTraceParent } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { RequestRecord, TextRecord } from "./request-record.js";

export interface Traces {
  record(request: RequestRecord): void;
  /** Sends what has not been sent yet. */
  close(): Promise<void>;
}

export interface TracesOptions {
  /** The collector's address, without /v1/traces. */
  readonly endpoint: string;
  /** A collector that cannot be reached. */
  readonly log: (line: string) => void;
}

/** Milliseconds for what has not been sent yet. */
const lastPatience = 2_000;

export function openTraces({ endpoint, log }: TracesOptions): Traces {
  const quiet = (): void => undefined;
  diag.setLogger(
    { error: log, warn: log, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  // Headers and time-outs are the environment's: OTEL_EXPORTER_OTLP_HEADERS and its kin.
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, "")}/v1/traces` });
  const named = resourceFromAttributes({ "service.name": "dynamo-server" });
  const provider = new TracerProvider({
    resource: named.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer("@dynamo/server");
  return {
    record: (request) => {
      // What load balancers ask every second would be most of all traces.
      if (!request.isPublic) writeSpans(tracer, request);
    },
    // A collector that hangs does not hold up the server's end.
    close: () => Promise.race([provider.shutdown(), delay(lastPatience, undefined, { ref: false })]),
  };
}

function writeSpans(tracer: Tracer, record: RequestRecord): void {
  const { method, route, started, seconds, text, outcome, errorCode, traceparent } = record;
  const at = (second: number): number => started + 1000 * second;
  const remote = traceparent === undefined ? null : parseTraceParent(traceparent);
  const parent =
    remote === null ? context.active() : trace.setSpanContext(context.active(), { ...remote, isRemote: true });
  const name = text === undefined ? `${method} ${route}` : `${text.operation} ${text.model}`;
  const span = tracer.startSpan(
    name,
    { kind: SpanKind.SERVER, startTime: at(0), attributes: attributesOf(record) },
    parent,
  );
  if (outcome === "failed" || outcome === "timeout")
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorCode ?? outcome });
  if (text !== undefined) writeParts(tracer, trace.setSpan(context.active(), span), text, at, seconds);
  span.end(at(seconds));
}

/** Where the time went: in the queue, until the first token, and after it. */
function writeParts(
  tracer: Tracer,
  parent: ReturnType<typeof context.active>,
  { queued, firstToken }: TextRecord,
  at: (second: number) => number,
  end: number,
): void {
  const part = (name: string, from: number, to: number): void => {
    tracer.startSpan(name, { startTime: at(from) }, parent).end(at(Math.max(from, to)));
  };
  if (queued !== undefined) part("queue", 0, queued);
  if (firstToken === undefined) return;
  part("prefill", queued ?? 0, firstToken);
  part("decode", firstToken, end);
}

function attributesOf({ id, method, path, route, status, outcome, key, errorCode, text }: RequestRecord): Attributes {
  return {
    "http.request.method": method,
    "http.route": route,
    "url.path": path,
    "http.response.status_code": status,
    "dynamo.request_id": id,
    "dynamo.outcome": outcome,
    ...(key === undefined ? {} : { "dynamo.key": key }),
    ...(errorCode === undefined ? {} : { "error.type": errorCode }),
    ...(text === undefined ? {} : generationAttributes(text)),
  };
}

function generationAttributes(text: TextRecord): Attributes {
  const { promptTokens, cachedTokens } = text;
  return {
    "gen_ai.operation.name": text.operation,
    "gen_ai.provider.name": "dynamo",
    "gen_ai.request.model": text.model,
    "gen_ai.response.model": text.model,
    "gen_ai.response.id": text.id,
    "gen_ai.response.finish_reasons": [...text.finishReasons],
    "gen_ai.usage.output_tokens": text.completionTokens,
    ...(promptTokens === undefined ? {} : { "gen_ai.usage.input_tokens": promptTokens }),
    ...(cachedTokens === undefined ? {} : { "gen_ai.usage.cache_read.input_tokens": cachedTokens }),
  };
}
