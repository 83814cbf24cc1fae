/** @dynamo/ort: ONNX Runtime in a worker, and the wire to it; for the runtimes that are built on it, not for applications. */
export type { Backend, Gpu, Ort, SideSessions, WorkerCache } from "./session/backend.js";
export {
  cacheDims,
  capacityFor,
  checkAppend,
  checkCopy,
  checkLayout,
  gpuGrowth,
  hostGrowth,
  keptCounts,
  roomOf,
  totalHeads,
  type Appended,
} from "./cache/cache-layout.js";
export { createHostCache } from "./cache/host-cache.js";
export type { CacheArray, HostCache } from "./cache/host-cache.js";
export { openSession } from "./session/open-session.js";
export type { OrtAppend, OrtAttached, OrtSession } from "./session/open-session.js";
export { passError } from "./session/errors.js";
export type { HeldState } from "./session/held-state.js";
export { appendGraph } from "./graphs/append-graph.js";
export { encodeGraph } from "./graphs/encode-graph.js";
export { measured, measureGraph, measureLayout } from "./graphs/measure-graph.js";
export { toNative } from "./session/native.js";
export type {
  Answer,
  Call,
  Request,
  SessionShape,
  Values,
  WireAppend,
  CallError,
  WireTensor,
  WireTensors,
} from "./wire/messages.js";
export { createService } from "./wire/service.js";
export type { Service, ServiceOptions } from "./wire/service.js";
export { openTested, tryDevice, unsupportedDevice } from "./session/try-device.js";
export { pendingCalls } from "./wire/worker-link.js";
export type { PendingCalls, WorkerLink } from "./wire/worker-link.js";
export { workerRuntime } from "./wire/worker-runtime.js";
export type { InferenceWorker, OpenedSession } from "./wire/worker-runtime.js";
