/** The inference worker: it owns the native sessions and their caches, and serves calls one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import { createService, type Answer } from "@dynamo/ort";
import { nodeBackend } from "./backend.js";
import { checkDevice } from "./check-device.js";
import type { WorkerData } from "./settings.js";
import type { ToWorker } from "./worker-link.js";
import { stopRequested, whileBusy } from "./worker-state.js";

const { settings, state } = workerData as WorkerData;
const port = parentPort;
if (port === null) throw new DynamoError("invalid-argument", "this module runs in a worker only");
const service = createService(nodeBackend(settings), {
  checkDevice: () => checkDevice(settings),
  beforeCall: () => {
    if (stopRequested(state)) throw new DynamoError("runtime", "the runtime has been disposed");
  },
});

// One call at a time, in the order they came in: a native run blocks this thread anyway.
let last: Promise<void> = Promise.resolve();
port.on("message", (message: ToWorker) => {
  last = last.then(() => whileBusy(state, () => handle(message)));
});

async function handle(message: ToWorker): Promise<void> {
  if ("shutdown" in message) {
    await service.close();
    end();
    return;
  }
  const { answer, transfer } = await service.answer(message);
  send(answer, transfer);
}

/** Deno's port has no `close`; its worker ends by `exit`, as Node's would. */
function end(): void {
  if (port !== null && typeof (port as Partial<typeof port>).close === "function") port.close();
  else process.exit();
}

function send(answer: Answer, transfer: ArrayBuffer[]): void {
  try {
    port?.postMessage(answer, transfer);
  } catch (error) {
    // A buffer that ONNX Runtime owns itself cannot be handed over (it can be in 1.30): copy it then.
    if (transfer.length === 0) throw error;
    port?.postMessage(answer);
  }
}
