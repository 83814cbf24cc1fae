/** The WebGPU engine: sessions and their caches in GPU memory, float16 where the GPU has it, the device's loss reported. */
import { DynamoError } from "@dynamo/core";
import { openTested, unsupportedDevice, type Backend } from "@dynamo/ort";
import { createGpuCache } from "./gpu-cache.js";
import { usesFloat16 } from "./float16-graph.js";
import { checkBufferSize } from "./largest-initializer.js";
import { messageOf, type WorkerSettings } from "./settings.js";
import type { Engine, Library } from "./worker.js";

/** ONNX Runtime's own, from its first session on. */
function deviceOf(ort: Library): GPUDevice {
  const { device } = ort.env.webgpu as unknown as { device?: GPUDevice };
  if (device === undefined) throw new DynamoError("runtime", "ONNX Runtime has no WebGPU device yet");
  return device;
}

export function webgpuEngine(ort: Library, _settings: WorkerSettings, onLost: (reason: string) => void): Engine {
  const backend: Backend = {
    ort,
    gpu: { createCache: (layout) => createGpuCache(ort, deviceOf(ort), layout) },
    writesGivenOutputs: false,
    fetchesAll: false,
    options: {
      executionProviders: ["webgpu"],
      graphOptimizationLevel: "all",
      executionMode: "sequential",
      enableMemPattern: false,
      logSeverityLevel: 4,
    },
  };
  let tested: Promise<unknown> | undefined;

  return {
    backend,
    async checkDevice() {
      // That session stays open as long as the worker: ONNX Runtime destroys its device with the last one.
      tested ??= openTested(backend).then(() => {
        void deviceOf(ort).lost.then(({ reason, message }) => {
          onLost(message === "" ? reason : message);
        });
      });
      await tested.catch((error: unknown) => {
        throw unsupportedDevice("webgpu", messageOf(error), undefined);
      });
    },
    beforeCall(request) {
      if (request.kind !== "create-session" || !("bytes" in request.graph)) return;
      const { features, limits } = deviceOf(ort);
      checkFloat16(request.graph.bytes, features);
      checkBufferSize(request.graph.bytes, limits.maxBufferSize);
    },
  };
}

/** Before the graph loads: compiling its shaders would fail somewhere in the first pass, with a message about WGSL. */
function checkFloat16(graph: Uint8Array, features: GPUSupportedFeatures): void {
  if (features.has("shader-f16") || !usesFloat16(graph)) return;
  throw new DynamoError(
    "unsupported",
    'this GPU has no float16 shaders (shader-f16): choose a graph of another dtype, "q8", "q4" or "fp32"',
  );
}
