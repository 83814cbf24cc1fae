/** What an inference worker is told first, and what it says unasked. */
import type { Answer, Call } from "@dynamo/ort";

/** The devices of onnxruntime-web. */
export type WebDevice = "webgpu" | "wasm";

/** Fixed for a worker's life. */
export interface WorkerSettings {
  /** Threads of one WASM operator, the calling one included. */
  readonly threads: number;
  /** The folder with ONNX Runtime's .wasm files, when it is not the worker's own. */
  readonly wasmPaths: string | undefined;
}

export type ToWorker = { readonly settings: WorkerSettings } | Call | { readonly shutdown: true };

export type FromWorker = Answer | { readonly lost: string } | { readonly closed: true };

/** For messages about what a device's failure was. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
