/** The WASM engine: sessions in linear memory, their caches in the worker's. */
import { tryDevice, unsupportedDevice, type Backend } from "@dynamo/ort";
import { messageOf, type WorkerSettings } from "./settings.js";
import type { Engine, Library } from "./worker.js";

export function wasmEngine(ort: Library, { threads }: WorkerSettings): Engine {
  const backend: Backend = {
    ort,
    gpu: undefined,
    writesGivenOutputs: false,
    fetchesAll: false,
    options: {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
      executionMode: "sequential",
      intraOpNumThreads: threads,
      // Memory plans are kept per input shape, and a growing cache changes the shape again and again; they gain nothing here.
      enableMemPattern: false,
      logSeverityLevel: 4,
    },
  };
  return {
    backend,
    async checkDevice() {
      await tryDevice(backend).catch((error: unknown) => {
        throw unsupportedDevice("wasm", messageOf(error), undefined);
      });
    },
  };
}
