/** The served models, each with an inference process of its own, and what the log and the metrics are told of it. */
import type { FastifyBaseLogger } from "fastify";
import type { Inference, InferenceOptions } from "./inference/inference.js";
import type { Metrics } from "./metrics.js";
import type { ServerModel, ServerOptions } from "./server-options.js";

export interface ModelParts {
  readonly make: (options: InferenceOptions) => Inference;
  readonly log: FastifyBaseLogger;
  readonly metrics: Metrics;
}

/** By name. */
export function servedModels(
  { models, hangSeconds = 10 }: ServerOptions,
  parts: ModelParts,
): ReadonlyMap<string, Inference> {
  return new Map(models.map((model) => [model.name, servedModel(model, 1000 * hangSeconds, parts)]));
}

function servedModel({ name, settings }: ServerModel, hangMilliseconds: number, parts: ModelParts): Inference {
  const { make, log, metrics } = parts;
  const inference = make({
    settings,
    hangMilliseconds,
    onPass: (pass) => metrics.pass(name, pass),
    onState: (state) => metrics.state(name, state),
    onRestart: (reason) => metrics.restarted(name, reason),
    log: (level, line) => log[level]({ model: name }, line),
  });
  metrics.serves(name, () => inference.memory?.resident);
  return inference;
}
