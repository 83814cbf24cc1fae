/** What a worker is started with. */
import type { WorkerState } from "./worker-state.js";

/** The devices of onnxruntime-node. */
export type NodeDevice = "cpu" | "cuda" | "webgpu";

/** How native sessions are opened: fixed for a worker's life. */
export interface EngineSettings {
  readonly device: NodeDevice;
  /** Threads of one CPU operator, the calling one included. */
  readonly threads: number;
}

export interface WorkerData {
  readonly settings: EngineSettings;
  readonly state: WorkerState;
}
