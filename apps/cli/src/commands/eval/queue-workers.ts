/** What runs jobs of a queue in this process: models stay open from one job to the next, of every run that has jobs there. */
import type { EvalWorker, Work } from "@dynamo/eval";
import { openWorker, type OpenWorker } from "./eval-worker.js";
import { placedWork, type PlacedWork } from "./placed-spec.js";
import type { ModelOptions } from "../../schemas/common.js";

export interface QueueWorkers {
  /** For `workOnQueue`. */
  readonly open: (spec: unknown) => Promise<{ readonly evaluation: Work; readonly worker: EvalWorker }>;
  close(): Promise<void>;
}

/** `options`: of this machine; what of a model is used is the run's. */
export function queueWorkers(options: ModelOptions, signal: AbortSignal): QueueWorkers {
  const workers = new Map<string, Promise<OpenWorker>>();
  return {
    async open(asked) {
      const spec = asked as PlacedWork;
      const { dtype, device } = spec;
      const key = `${dtype ?? ""} ${device ?? ""}`;
      const { threads, device: own } = options;
      const place = {
        ...(threads === undefined ? {} : { threads }),
        ...(device === undefined && own === undefined ? {} : { device: device ?? own ?? "auto" }),
        ...(dtype === undefined ? {} : { dtype }),
      };
      const worker = workers.get(key) ?? openWorker(place, signal);
      workers.set(key, worker);
      return { evaluation: await placedWork(spec), worker: (await worker).worker };
    },
    async close() {
      for (const worker of workers.values()) await (await worker).close();
    },
  };
}
