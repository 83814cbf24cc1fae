/** What routes share, and what a request carries. */
import type { Inference } from "./inference/inference.js";
import type { Metrics } from "./metrics.js";
import type { ServerOptions } from "./server-options.js";
import type { Leases } from "./shared/leases.js";

export interface Context {
  readonly models: ReadonlyMap<string, Inference>;
  readonly options: ServerOptions;
  readonly metrics: Metrics;
  readonly created: number;
  /** Of requests under way, where replicas share a Redis. */
  readonly leases: Leases | undefined;
}
