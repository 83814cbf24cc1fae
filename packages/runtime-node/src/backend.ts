/** onnxruntime-node, and how its sessions are opened. */
import { fileURLToPath } from "node:url";
import type { Backend } from "@dynamo/ort";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { createGpuCache } from "./gpu-cache.js";
import type { EngineSettings } from "./settings.js";

/** ONNX Runtime's severities: 4 is fatal. It throws its errors too, and its warnings are nothing a user could act on. */
const logSeverity = 4;

/**
 * Microseconds that an idle thread of an operator's pool spins before it sleeps. Measured at 70M's operator sizes, 2 cores:
 * without spinning 6.1 ms per pass, with this 4.0, with ONNX Runtime's own (1,000) 4.1; but when another program takes one
 * of the cores, 7.8, 12 and 16.
 */
const spinMicroseconds = "100";

/**
 * A graph given as bytes names its weights' file, if they were not given too, and ONNX Runtime would look for it in the process's
 * working directory: whatever lies there under that name is none of the model's. So it looks where there is no folder.
 */
const noFolder = fileURLToPath(new URL("./no-weights-of-bytes", import.meta.url));

export function nodeBackend({ device, threads }: EngineSettings): Backend {
  const ort = { InferenceSession, Tensor };
  const session = { intra_op: { spin_duration_us: spinMicroseconds } };
  return {
    ort,
    gpu: device === "webgpu" ? { createCache: (layout, side) => createGpuCache(ort, layout, side) } : undefined,
    writesGivenOutputs: true,
    fetchesAll: true,
    bytesOptions: { extra: { session: { ...session, model_external_initializers_file_folder_path: noFolder } } },
    options: {
      executionProviders: [device],
      graphOptimizationLevel: "all",
      executionMode: "sequential",
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Memory plans are kept per input shape, and a growing cache changes the shape again and again; they gain nothing here.
      enableMemPattern: false,
      extra: { session },
      logSeverityLevel: logSeverity,
    },
  };
}
