/** @dynamo/engine: continuous batching over one model. */
export { createEngine } from "./engine.js";
export type { CloseOptions, Engine, EngineOptions, EngineState } from "./engine.js";
export type { HeldTokens, PassReport } from "./batch.js";
export type { EngineGeneration, EngineRequest, EngineResult, RequestStatistics } from "./request.js";
