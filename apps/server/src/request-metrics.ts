/** Requests and their texts: how many, how long, how they ended. */
import { Counter, Histogram, type Registry } from "prom-client";
import type { InferenceEnd } from "./inference/messages.js";
import type { RequestRecord } from "./request-record.js";
import type { Operation } from "./text-work.js";

export interface RequestMetrics {
  request(record: RequestRecord): void;
  /** Seconds between two chunks of a text. */
  gap(model: string, seconds: number): void;
  ended(model: string, operation: Operation, end: InferenceEnd): void;
}

/** Of the conventions, for each of their histograms. */
const buckets = {
  http: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  request: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  firstToken: [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  perToken: [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
  tokens: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
};
/** Several tokens per pass are faster than the conventions foresee. */
const fast = [0.0005, 0.001, 0.0025, 0.005];

export const generation = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"] as const;
const generationOf = (model: string, operation: Operation): Record<(typeof generation)[number], string> => ({
  gen_ai_operation_name: operation,
  gen_ai_provider_name: "dynamo",
  gen_ai_request_model: model,
});

export function requestMetrics(registry: Registry): RequestMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: "dynamo_requests_total",
    help: "Requests by route, model, status and how they ended",
    labelNames: ["route", "model", "status", "outcome"],
    registers,
  });
  const http = new Histogram({
    name: "http_server_request_duration_seconds",
    help: "Requests, from their headers to the last byte of their answer",
    labelNames: ["http_request_method", "http_route", "http_response_status_code"],
    buckets: buckets.http,
    registers,
  });
  const durations = new Histogram({
    name: "gen_ai_server_request_duration_seconds",
    help: "Requests for texts, from their headers to the last byte of their answer",
    labelNames: [...generation, "error_type"],
    buckets: buckets.request,
    registers,
  });
  const texts = textMetrics(registry);
  return {
    request({ route, method, status, outcome, seconds, text, errorCode }) {
      requests.inc({ route, model: text?.model ?? "", status, outcome });
      http.observe({ http_request_method: method, http_route: route, http_response_status_code: status }, seconds);
      if (text === undefined) return;
      const error = outcome === "complete" ? {} : { error_type: errorCode ?? outcome };
      durations.observe({ ...generationOf(text.model, text.operation), ...error }, seconds);
    },
    ...texts,
  };
}

function textMetrics(registry: Registry): Pick<RequestMetrics, "gap" | "ended"> {
  const registers = [registry];
  const labelNames = [...generation];
  const first = new Histogram({
    name: "gen_ai_server_time_to_first_token_seconds",
    help: "From a text's request to its first token, its wait in the queue included",
    ...{ labelNames, buckets: buckets.firstToken, registers },
  });
  const each = new Histogram({
    name: "gen_ai_server_time_per_output_token_seconds",
    help: "A text's time after its first token, for each of the others",
    ...{ labelNames, buckets: [...fast, ...buckets.perToken], registers },
  });
  const usage = new Histogram({
    name: "gen_ai_client_token_usage",
    help: "Tokens of prompts and texts",
    labelNames: [...generation, "gen_ai_token_type"],
    ...{ buckets: buckets.tokens, registers },
  });
  const reused = new Counter({
    name: "dynamo_reused_tokens_total",
    help: "Tokens of prompts whose keys and values were there already",
    ...{ labelNames: ["model"], registers },
  });
  const gaps = new Histogram({
    name: "dynamo_inter_chunk_seconds",
    help: "Between two chunks of a text",
    ...{ labelNames: ["model"], buckets: [...fast, ...buckets.perToken, 5, 10], registers },
  });
  return {
    gap(model, seconds) {
      gaps.observe({ model }, seconds);
    },
    ended(model, operation, { tokens, statistics: { promptTokens, reusedTokens, seconds } }) {
      const labels = generationOf(model, operation);
      usage.observe({ ...labels, gen_ai_token_type: "input" }, promptTokens);
      usage.observe({ ...labels, gen_ai_token_type: "output" }, tokens);
      reused.inc({ model }, reusedTokens);
      first.observe(labels, seconds.firstToken);
      if (tokens > 1) each.observe(labels, (seconds.total - seconds.firstToken) / (tokens - 1));
    },
  };
}
