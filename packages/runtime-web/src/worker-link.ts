/** The page's end of an inference worker. */
import { DynamoError } from "@dynamo/core";
import { pendingCalls, type WorkerLink } from "@dynamo/ort";
import type { FromWorker, ToWorker, WebDevice, WorkerSettings } from "./settings.js";

/** Bundlers find the workers by these very expressions. */
const newWorker: Readonly<Record<WebDevice, () => Worker>> = {
  webgpu: () => new Worker(new URL("./worker-webgpu.js", import.meta.url), { type: "module" }),
  wasm: () => new Worker(new URL("./worker-wasm.js", import.meta.url), { type: "module" }),
};

export interface WebWorkerLink extends WorkerLink {
  /** Why the GPU's device is gone, once it is. */
  readonly lost: string | undefined;
}

/** Starts a worker. `onEnd` is told why, when it ends without having been closed. */
export function startWorker(
  device: WebDevice,
  settings: WorkerSettings,
  onEnd: (reason: string) => void,
): WebWorkerLink {
  const worker = newWorker[device]();
  const send = (message: ToWorker): void => {
    worker.postMessage(message);
  };
  const calls = pendingCalls(send, () => undefined);
  let reportEnd = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    reportEnd = resolve;
  });
  let alive = true;
  let closing = false;
  let lost: string | undefined;

  function end(reason: string, advice = "its sessions are gone, create them again"): void {
    if (!alive) return;
    alive = false;
    worker.terminate();
    calls.rejectAll(new DynamoError("runtime", `${reason}; ${advice}`));
    reportEnd();
    if (!closing) onEnd(reason);
  }

  worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
    if ("closed" in data) end("the inference worker was closed");
    else if ("lost" in data) {
      lost = data.lost;
      end(
        `the GPU's device was lost (${data.lost})`,
        "caches are gone, sessions are loaded anew when they are next used",
      );
    } else calls.settle(data);
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    end(`the inference worker ended unexpectedly (${event.message || "its script could not be loaded"})`);
  });
  send({ settings });

  return {
    get alive() {
      return alive;
    },
    get lost() {
      return lost;
    },
    call(request) {
      if (closing) return Promise.reject(new DynamoError("invalid-argument", "the runtime has been disposed"));
      if (alive) return calls.send(request);
      const message = "this session's inference worker has ended; create the session again";
      return Promise.reject(new DynamoError("runtime", message));
    },
    close() {
      if (closing || !alive) return ended;
      closing = true;
      calls.rejectAll(new DynamoError("runtime", "the runtime has been disposed"));
      send({ shutdown: true });
      return ended;
    },
  };
}
