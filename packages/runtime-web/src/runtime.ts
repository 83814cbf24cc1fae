/** createWebRuntime: core's Runtime over a Web Worker. */
import { checkGraphMemory, DynamoError, type GraphSize, type GraphSource, type Runtime } from "@dynamo/core";
import { callback, checkOptions, oneOf, text, whole, type OptionChecks } from "@dynamo/core/options";
import { workerRuntime } from "@dynamo/ort";
import { threadCount } from "./device.js";
import { lazyWorker, type Loss } from "./lazy-worker.js";
import { reloadingSession } from "./reloading-session.js";
import type { WebDevice } from "./settings.js";

/** Options of `createWebRuntime`. */
export interface WebRuntimeOptions {
  /** Default `auto`: webgpu where the browser has a GPU and it works, otherwise wasm. */
  readonly device?: "auto" | WebDevice | undefined;
  /** Threads of one WASM operator; default: the cores, at most 8. One, when the page is not cross-origin isolated. */
  readonly threads?: number | undefined;
  /** Address of a folder with ONNX Runtime's files, ending in "/"; default: they lie beside this package's worker. */
  readonly wasmPaths?: string | undefined;
  /** Told in one line what device was chosen, and when a worker ended or a device was lost. */
  readonly logger?: ((line: string) => void) | undefined;
  /** Told when a device was lost, or a worker ended by itself. */
  readonly onLost?: ((loss: Loss) => void) | undefined;
}

const checks: OptionChecks<WebRuntimeOptions> = {
  device: oneOf("auto", "webgpu", "wasm"),
  threads: whole(1, 1024),
  wasmPaths: text,
  logger: callback(),
  onLost: callback(),
};

/** Relative to the page. */
function folderAddress(wasmPaths: string): string {
  try {
    return new URL(wasmPaths, globalThis.location.href).href;
  } catch (cause) {
    throw new DynamoError("invalid-argument", `wasmPaths must be a folder's address, received ${wasmPaths}`, { cause });
  }
}

const ignore = (): void => undefined;

/**
 * A runtime in this browser. All its sessions live in one Web Worker, which starts with the first call that needs it.
 * Throws `invalid-argument` for an option that it does not have or that is out of range.
 */
export function createWebRuntime(options: WebRuntimeOptions = {}): Runtime {
  checkOptions("createWebRuntime()", options, checks);
  const { device = "auto", threads, wasmPaths, logger = ignore, onLost = ignore } = options;
  const settings = {
    threads: threadCount(threads),
    wasmPaths: wasmPaths === undefined ? undefined : folderAddress(wasmPaths),
  };
  const worker = lazyWorker(device, settings, { log: logger, onLost });
  return workerRuntime(worker, {
    async checkGraph(graph) {
      const size = sizeOf(graph);
      checkGraphMemory(size, await worker.device());
    },
    createSession: reloadingSession,
  });
}

function sizeOf(graph: GraphSource): GraphSize {
  if ("bytes" in graph) {
    const externalData = (graph.externalData ?? []).reduce((sum, { data }) => sum + data.length, 0);
    return { graph: graph.bytes.length, externalData };
  }
  throw new DynamoError("unsupported", `expected a graph's bytes, received a path (${graph.path})`);
}
