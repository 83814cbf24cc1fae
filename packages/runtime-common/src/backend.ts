/** ONNX Runtime as a runtime has it: the library, how its sessions are opened, and where its editions differ. */
import type { CacheLayout } from "@dynamo/core";
import type * as OnnxRuntime from "onnxruntime-common";
import type { EngineCache } from "./engine-cache.js";
import type { SideSessions } from "./side-sessions.js";

export interface Backend {
  /** onnxruntime-node or onnxruntime-web. */
  readonly ort: Pick<typeof OnnxRuntime, "InferenceSession" | "Tensor">;
  readonly options: OnnxRuntime.InferenceSession.SessionOptions;
  /** Where tensors can stay in the device's own memory, as `gpu-buffer`; undefined where there is only the host's. */
  readonly gpu: Gpu | undefined;
  /** Whether a CPU tensor given for an output gets that output written into its memory. */
  readonly writesGivenOutputs: boolean;
  /**
   * With outputs in GPU memory, onnxruntime-node 1.30 binds outputs and never unbinds them: a run that fetches fewer than
   * the one before fails or mixes them up. So such a session always fetches everything there.
   */
  readonly fetchesAll: boolean;
}

export interface Gpu {
  /** A KV cache in the device's memory. `side` opens the small graphs that it may need. */
  createCache(layout: CacheLayout, side: SideSessions): Promise<EngineCache>;
}

export type Ort = Backend["ort"];
