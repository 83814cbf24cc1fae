/** core's Runtime over an inference worker: what the runtimes do alike, whatever their worker is. */
import { DynamoError, type DeviceChoice, type GraphSource, type Runtime, type Session } from "@dynamo/core";
import { checkOptions, checkValue } from "@dynamo/core/options";
import { graphCheck, sessionChecks, tensorsCheck } from "./checks.js";
import { workerSession } from "./worker-session.js";
import { workerState } from "./worker-state.js";
import type { WorkerLink } from "./worker-link.js";

/** A worker that starts when it is needed. */
export interface InferenceWorker<Link extends WorkerLink> {
  /** Rejects `unsupported` when the device that was asked for is missing or does not work. */
  device(): Promise<DeviceChoice>;
  /** The worker; a new one when the last has ended. */
  link(): Promise<Link>;
  close(): Promise<void>;
}

/** A session and the worker that it lives in. */
export interface OpenedSession<Link extends WorkerLink> {
  readonly link: Link;
  readonly session: Session;
}

export interface WorkerRuntimeOptions<Link extends WorkerLink> {
  /** Throws when the graph's source is none that the worker can load. */
  readonly checkGraph: (graph: GraphSource) => void | Promise<void>;
  /** What the caller gets; `open` loads the graph each time that it is called. */
  readonly createSession: (open: () => Promise<OpenedSession<Link>>) => Promise<Session>;
}

/** A runtime whose sessions and states all live in one worker. After `dispose` every call rejects `invalid-argument`. */
export function workerRuntime<Link extends WorkerLink>(
  worker: InferenceWorker<Link>,
  { checkGraph, createSession }: WorkerRuntimeOptions<Link>,
): Runtime {
  let sessions = 0;
  let states = 0;
  let disposed: Promise<void> | undefined;

  function checkUsable(): void {
    if (disposed !== undefined) throw new DynamoError("invalid-argument", "the runtime has been disposed");
  }

  return {
    async device() {
      checkUsable();
      return worker.device();
    },
    async createSession(graph, options = {}) {
      checkUsable();
      checkValue("graph", graph, graphCheck);
      checkOptions("createSession()", options, sessionChecks);
      const { deviceOutputs = [] } = options;
      await checkGraph(graph);
      checkUsable();
      return createSession(async () => {
        const link = await worker.link();
        const id = sessions++;
        const shape = await link.call<"create-session">({ kind: "create-session", session: id, graph, deviceOutputs });
        return { link, session: workerSession(link, id, shape) };
      });
    },
    async createState(tensors) {
      checkUsable();
      checkValue("tensors", tensors, tensorsCheck);
      return workerState(await worker.link(), states++, tensors);
    },
    dispose() {
      disposed ??= worker.close();
      return disposed;
    },
  };
}
