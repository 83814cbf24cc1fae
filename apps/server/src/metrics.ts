/** What GET /metrics tells Prometheus. */
import type { EngineState, PassReport } from "@dynamo/engine";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { InferenceEnd } from "./inference/messages.js";

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** Nothing waits for this model yet: who scales by the queue finds a figure before the first pass. */
  serves(model: string): void;
  request(route: string, status: number): void;
  pass(model: string, pass: PassReport): void;
  state(model: string, state: EngineState): void;
  /** Seconds between two chunks of a text. */
  gap(model: string, seconds: number): void;
  ended(model: string, end: InferenceEnd): void;
}

interface Labelled {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics(): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  const labelled = (name: string, help: string, labelNames: string[] = ["model"]): Labelled => ({
    ...{ name: `dynamo_${name}`, help, labelNames, registers },
  });
  const requests = new Counter(labelled("requests_total", "Requests by route and status", ["route", "status"]));
  const active = new Gauge(labelled("slots_active", "Requests that are computed now"));
  const slots = new Gauge(labelled("slots", "Requests that can be computed at once"));
  const queued = new Gauge(labelled("queue", "Requests that wait for a slot"));
  const batch = new Histogram({
    ...labelled("batch_rows", "Rows of a decoding pass"),
    buckets: [1, 2, 4, 8, 16, 32, 64],
  });
  const passes = new Histogram({
    ...labelled("pass_seconds", "Forward passes, and what strategies took after them", ["model", "part"]),
    buckets: [0.001, 0.0025, ...seconds],
  });
  const orders = new Counter(labelled("pass_orders_total", "Rows of passes by their order", ["model", "order"]));
  const tokens = new Counter(labelled("tokens_total", "Tokens of prompts and texts", ["model", "kind"]));
  const first = new Histogram({ ...labelled("first_token_seconds", "From request to first token"), buckets: seconds });
  const gaps = new Histogram({ ...labelled("inter_chunk_seconds", "Between two chunks of a text"), buckets: seconds });

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    serves(model) {
      active.set({ model }, 0);
      queued.set({ model }, 0);
    },
    request(route, status) {
      requests.inc({ route, status });
    },
    pass(model, { kind, rows, modelSeconds, strategySeconds, orders: settled }) {
      if (kind === "decode") batch.observe({ model }, rows);
      passes.observe({ model, part: kind }, modelSeconds);
      passes.observe({ model, part: "strategy" }, strategySeconds);
      for (const order of settled) orders.inc({ model, order });
    },
    state(model, state) {
      active.set({ model }, state.active);
      slots.set({ model }, state.slots);
      queued.set({ model }, state.queued);
    },
    gap(model, value) {
      gaps.observe({ model }, value);
    },
    ended(model, { tokens: written, statistics }) {
      tokens.inc({ model, kind: "written" }, written);
      tokens.inc({ model, kind: "prompt" }, statistics.promptTokens - statistics.reusedTokens);
      tokens.inc({ model, kind: "reused" }, statistics.reusedTokens);
      first.observe({ model }, statistics.seconds.firstToken);
    },
  };
}
