/** createNodeRuntime: core's Runtime over a worker thread. */
import { stat } from "node:fs/promises";
import { DynamoError, type DeviceChoice, type GraphSource, type Runtime } from "@dynamo/core";
import { unsupportedDevice } from "./check-device.js";
import { detectDevice } from "./device.js";
import type { NodeDevice } from "./protocol.js";
import { cudaGaps, thisMachine } from "./requirements.js";
import { workerSession } from "./session.js";
import { threadCount } from "./threads.js";
import { startWorker, type WorkerLink } from "./worker-link.js";

export interface NodeRuntimeOptions {
  /** Default `auto`: the fastest that works here. */
  readonly device?: "auto" | NodeDevice;
  /** Threads of one CPU operator; default: the physical cores that this process may use, at most 16. */
  readonly threads?: number;
  /** Told in one line what device was chosen, and when a worker ended unexpectedly. */
  readonly logger?: (line: string) => void;
}

/**
 * A runtime on this machine. All its sessions live in one worker thread, which starts with the first call that needs it
 * and never keeps the process alive by itself. Throws `invalid-argument` for an unknown device or thread count.
 */
export function createNodeRuntime({ device = "auto", threads, logger }: NodeRuntimeOptions = {}): Runtime {
  if (!["auto", "cpu", "cuda", "webgpu"].includes(device)) {
    throw new DynamoError("invalid-argument", `device: expected auto, cpu, cuda or webgpu, received ${String(device)}`);
  }
  const count = threadCount(threads);
  let choice: Promise<DeviceChoice> | undefined;
  let worker: Promise<WorkerLink> | undefined;
  let disposed: Promise<void> | undefined;
  let sessions = 0;

  const choose = (): Promise<DeviceChoice> => {
    choice ??= (device === "auto" ? detectDevice(count) : askedFor(device)).then((chosen) => {
      logger?.(`device: ${chosen.device} (${chosen.reason})`);
      return chosen;
    });
    return choice;
  };

  async function start(): Promise<WorkerLink> {
    const { device: chosen } = await choose();
    checkUsable();
    const link = startWorker({ device: chosen as NodeDevice, threads: count }, (reason) => {
      worker = undefined;
      logger?.(reason);
    });
    try {
      // A missing driver is the device's fault: it must not look like the model's.
      if (chosen !== "cpu") await link.call<"check-device">({ kind: "check-device" });
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  function ready(): Promise<WorkerLink> {
    worker ??= start().catch((error: unknown) => {
      worker = undefined;
      throw error;
    });
    return worker;
  }

  function checkUsable(): void {
    if (disposed !== undefined) throw new DynamoError("invalid-argument", "the runtime has been disposed");
  }

  return {
    async device() {
      checkUsable();
      const chosen = await choose();
      if (chosen.device !== "cpu") await ready();
      return chosen;
    },
    async createSession(graph, { deviceOutputs = [] } = {}) {
      checkUsable();
      await checkSource(graph);
      const link = await ready();
      checkUsable();
      const id = sessions++;
      const shape = await link.call<"create-session">({ kind: "create-session", session: id, graph, deviceOutputs });
      return workerSession(link, id, shape);
    },
    dispose() {
      disposed ??= closeWorker(worker);
      return disposed;
    },
  };
}

async function closeWorker(worker: Promise<WorkerLink> | undefined): Promise<void> {
  const link = await worker?.catch(() => undefined);
  await link?.close();
}

/** An explicit choice; rejects `unsupported` at once for what is plainly missing. */
function askedFor(device: NodeDevice): Promise<DeviceChoice> {
  const gaps = device === "cuda" ? cudaGaps(thisMachine()) : [];
  if (gaps.length === 0) return Promise.resolve({ device, reason: "asked for" });
  const sentences = gaps.map(({ missing, remedy }) => `${missing} ${remedy}`).join(" ");
  return Promise.reject(unsupportedDevice(device, sentences, undefined));
}

async function checkSource(graph: GraphSource): Promise<void> {
  if (!("path" in graph)) return;
  const found = await stat(graph.path).catch(() => undefined);
  if (found === undefined) throw new DynamoError("not-found", `there is no graph at ${graph.path}`);
  if (!found.isFile()) throw new DynamoError("invalid-argument", `${graph.path}: expected a file, received a folder`);
}
