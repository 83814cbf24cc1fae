/** @dynamo/runtime-common: what the runtimes over ONNX Runtime share; for them, not for applications. */
export type { Backend, Gpu, Ort } from "./backend.js";
export {
  cacheDims,
  capacityFor,
  checkAppend,
  checkCopy,
  checkLayout,
  gpuGrowth,
  hostGrowth,
  totalHeads,
} from "./cache-layout.js";
export { createHostCache } from "./host-cache.js";
export type { CacheArray, HostCache } from "./host-cache.js";
export { openSession } from "./engine.js";
export type { EngineAppend, EngineAttached, EngineSession } from "./engine.js";
export type { EngineCache } from "./engine-cache.js";
export { engineError } from "./engine-errors.js";
export type { EngineState } from "./engine-state.js";
export { appendGraph, measured, measureGraph, measureLayout } from "./measure-graph.js";
export { toNative } from "./native.js";
export type {
  Answer,
  Call,
  Request,
  SessionShape,
  Values,
  WireAppend,
  WireError,
  WireTensor,
  WireTensors,
} from "./protocol.js";
export { createService } from "./service.js";
export type { Service, ServiceOptions } from "./service.js";
export type { SideSessions } from "./side-sessions.js";
export { encodeSmallOnnx } from "./small-onnx.js";
export type { SmallGraph, SmallInitializer, SmallNode, SmallValue } from "./small-onnx.js";
export { openTested, tryDevice, unsupportedDevice } from "./try-device.js";
export { pendingCalls } from "./worker-link.js";
export type { PendingCalls, WorkerLink } from "./worker-link.js";
export { workerRuntime } from "./worker-runtime.js";
export type { InferenceWorker, OpenedSession } from "./worker-runtime.js";
