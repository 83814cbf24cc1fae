/** createNodeRuntime: core's Runtime over a worker thread. */
import { stat } from "node:fs/promises";
import { DynamoError, type GraphSource, type Runtime } from "@dynamo/core";
import { callback, checkOptions, oneOf, whole, type OptionChecks } from "@dynamo/core/options";
import { workerRuntime } from "@dynamo/ort";
import { lazyWorker } from "./lazy-worker.js";
import type { NodeDevice } from "./settings.js";
import { mostThreads, threadCount } from "./threads.js";

/** Options of `createNodeRuntime`. */
export interface NodeRuntimeOptions {
  /** Default `auto`: the fastest that works here. */
  readonly device?: "auto" | NodeDevice | undefined;
  /** Threads of one CPU operator; default: the physical cores that this process may use, at most 16. */
  readonly threads?: number | undefined;
  /** Told in one line what device was chosen, and when a worker ended unexpectedly. */
  readonly logger?: ((line: string) => void) | undefined;
}

const checks: OptionChecks<NodeRuntimeOptions> = {
  device: oneOf("auto", "cpu", "cuda", "webgpu"),
  threads: whole(1, mostThreads),
  logger: callback(),
};

/**
 * A runtime on this machine. All its sessions live in one worker thread, which starts with the first call that needs it
 * and never keeps the process alive by itself. Throws `invalid-argument` for an option that it does not have or that is out of range.
 */
export function createNodeRuntime(options: NodeRuntimeOptions = {}): Runtime {
  checkOptions("createNodeRuntime()", options, checks);
  const { device = "auto", threads, logger } = options;
  const worker = lazyWorker(device, threadCount(threads), logger ?? ((): void => undefined));
  return workerRuntime(
    {
      ...worker,
      async device() {
        const choice = await worker.device();
        if (choice.device !== "cpu") await worker.link();
        return choice;
      },
    },
    { checkGraph: checkSource, createSession: async (open) => (await open()).session },
  );
}

async function checkSource(graph: GraphSource): Promise<void> {
  if (!("path" in graph)) return;
  const found = await stat(graph.path).catch(() => undefined);
  if (found === undefined) throw new DynamoError("not-found", `there is no graph at ${graph.path}`);
  if (!found.isFile()) throw new DynamoError("invalid-argument", `${graph.path}: expected a file, received a folder`);
}
