/** ONNX Runtime as a runtime has it: the library, how its sessions are opened, and where its editions differ. */
import type * as OnnxRuntime from "onnxruntime-common";

export interface Backend {
  /** onnxruntime-node or onnxruntime-web. */
  readonly ort: Pick<typeof OnnxRuntime, "InferenceSession" | "Tensor">;
  readonly options: OnnxRuntime.InferenceSession.SessionOptions;
  /** Whether tensors can stay in the device's own memory, as `gpu-buffer`. */
  readonly onGpu: boolean;
  /** Whether a CPU tensor given for an output gets that output written into its memory. */
  readonly writesGivenOutputs: boolean;
  /**
   * With outputs in GPU memory, onnxruntime-node 1.30 binds outputs and never unbinds them: a run that fetches fewer than
   * the one before fails or mixes them up. So such a session always fetches everything there.
   */
  readonly fetchesAll: boolean;
}

export type Ort = Backend["ort"];
