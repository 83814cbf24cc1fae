/** Models: their queues, passes, caches, and the processes that compute them. */
import type { EngineState, PassReport } from "@dynamo/engine";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface ModelMetrics {
  /**
   * Nothing waits for this model yet: who scales by the queue finds a figure before the first pass. `memory` tells its process'
   * resident bytes when it is asked.
   */
  serves(model: string, memory: () => number | undefined): void;
  pass(model: string, pass: PassReport): void;
  state(model: string, state: EngineState): void;
  /** Its process ended by itself, or hung and was killed. */
  restarted(model: string, reason: RestartReason): void;
}

export type RestartReason = "ended" | "hung";

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const rowCounts = [1, 2, 4, 8, 16, 32, 64];

export function modelMetrics(registry: Registry): ModelMetrics {
  const gauges = stateGauges(registry);
  const memoryOf = new Map<string, () => number | undefined>();
  memoryGauge(registry, memoryOf);
  const restarts = new Counter({
    name: "dynamo_restarts_total",
    help: "Inference processes that ended by themselves, or hung and were killed, and were started again",
    labelNames: ["model", "reason"],
    registers: [registry],
  });
  return {
    serves(model, memory) {
      memoryOf.set(model, memory);
      gauges({ model, slots: undefined, active: 0, queued: 0, tokens: { active: 0, kept: 0 } });
      for (const reason of ["ended", "hung"]) restarts.inc({ model, reason }, 0);
    },
    ...passMetrics(registry),
    state: (model, state) => gauges({ model, ...state }),
    restarted(model, reason) {
      restarts.inc({ model, reason });
    },
  };
}

function memoryGauge(registry: Registry, memoryOf: ReadonlyMap<string, () => number | undefined>): void {
  new Gauge({
    name: "dynamo_inference_memory_bytes",
    help: "Resident memory of the model's inference process",
    labelNames: ["model"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [model, memory] of memoryOf) {
        const bytes = memory();
        if (bytes !== undefined) this.set({ model }, bytes);
      }
    },
  });
}

type ModelState = Omit<EngineState, "slots"> & { readonly model: string; readonly slots: number | undefined };

function stateGauges(registry: Registry): (state: ModelState) => void {
  const gauge = (name: string, help: string, labelNames = ["model"]): Gauge =>
    new Gauge({ name: `dynamo_${name}`, help, labelNames, registers: [registry] });
  const active = gauge("slots_active", "Requests that are computed now");
  const slots = gauge("slots", "Requests that can be computed at once");
  const queued = gauge("queue", "Requests that wait for a slot");
  const cached = gauge(
    "cache_tokens",
    "Tokens whose keys and values are held: of texts under way, and of those kept for prompts that begin alike",
    ["model", "part"],
  );
  return (state) => {
    const { model, tokens } = state;
    active.set({ model }, state.active);
    if (state.slots !== undefined) slots.set({ model }, state.slots);
    queued.set({ model }, state.queued);
    cached.set({ model, part: "active" }, tokens.active);
    cached.set({ model, part: "kept" }, tokens.kept);
  };
}

function passMetrics(registry: Registry): Pick<ModelMetrics, "pass"> {
  const registers = [registry];
  const batch = new Histogram({
    name: "dynamo_batch_rows",
    help: "Rows of a decoding pass",
    ...{ labelNames: ["model"], buckets: rowCounts, registers },
  });
  const passes = new Histogram({
    name: "dynamo_pass_seconds",
    help: "Forward passes, and what strategies took after them",
    ...{ labelNames: ["model", "part"], buckets: seconds, registers },
  });
  const settled = new Counter({
    name: "dynamo_pass_orders_total",
    help: "Rows of passes by their order",
    ...{ labelNames: ["model", "order"], registers },
  });
  return {
    pass(model, { kind, rows, modelSeconds, strategySeconds, orders }) {
      if (kind === "decode") batch.observe({ model }, rows);
      passes.observe({ model, part: kind }, modelSeconds);
      passes.observe({ model, part: "strategy" }, strategySeconds);
      for (const order of orders) settled.inc({ model, order });
    },
  };
}
