/**
 * What GET /metrics tells Prometheus. Names and buckets are those of OpenTelemetry's conventions for generative AI and for HTTP
 * (in Prometheus' spelling) where they have one for the thing; the others begin with dynamo_.
 */
import { collectDefaultMetrics, Registry } from "prom-client";
import { modelMetrics, type ModelMetrics } from "./model-metrics.js";
import { requestMetrics, type RequestMetrics } from "./request-metrics.js";

export interface Metrics extends ModelMetrics, RequestMetrics {
  readonly contentType: string;
  text(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    ...modelMetrics(registry),
    ...requestMetrics(registry),
  };
}
