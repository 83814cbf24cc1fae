/** What both inference workers do: they take their settings, then serve calls one after the other. */
import { createService, type Backend, type Call, type Service, type ServiceOptions } from "@dynamo/ort";
import type * as OnnxRuntime from "onnxruntime-web";
import type { FromWorker, ToWorker, WorkerSettings } from "./settings.js";

export type Library = Pick<typeof OnnxRuntime, "env" | "InferenceSession" | "Tensor">;

export interface Engine extends ServiceOptions {
  readonly backend: Backend;
}

/** Makes the engine when the settings arrive; `onLost` is to be told why when its device is gone for good. */
export type StartEngine = (settings: WorkerSettings, onLost: (reason: string) => void) => Engine;

interface Scope {
  readonly name: string;
  addEventListener(type: "message", listener: (event: MessageEvent<ToWorker>) => void): void;
  postMessage(message: FromWorker, transfer?: ArrayBuffer[]): void;
  close(): void;
}

export function startService(ort: Library, startEngine: StartEngine): void {
  const scope = globalThis as unknown as Scope;
  // Where a bundler put ONNX Runtime into this file, its threads load it too: theirs are not our messages.
  if (scope.name.startsWith("em-pthread")) return;
  let service: Service | undefined;
  let last: Promise<void> = Promise.resolve();

  async function handle(message: Call | { readonly shutdown: true }): Promise<void> {
    if ("shutdown" in message) {
      await service?.close();
      scope.postMessage({ closed: true });
      scope.close();
      return;
    }
    const { answer, transfer } = await (service as Service).answer(message);
    scope.postMessage(answer, transfer);
  }

  scope.addEventListener("message", ({ data }) => {
    if ("settings" in data) {
      configure(ort, data.settings);
      const { backend, ...options } = startEngine(data.settings, (reason) => {
        scope.postMessage({ lost: reason });
      });
      service = createService(backend, options);
      return;
    }
    last = last.then(() => handle(data));
  });
}

/** ONNX Runtime reads these once, when its first session opens. */
function configure({ env }: Library, { threads, wasmPaths }: WorkerSettings): void {
  env.logLevel = "fatal";
  env.wasm.numThreads = threads;
  // This thread is a worker already.
  env.wasm.proxy = false;
  if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths;
}
