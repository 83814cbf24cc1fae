/** @dynamo/server: an OpenAI-compatible server over @dynamo/engine. */
export { serve } from "./serve.js";
export { createServer } from "./server.js";
export type { DynamoServer } from "./server.js";
export type { DataOptions, ServeOptions, ServerModel, ServerOptions } from "./server-options.js";
export type { InferenceSettings, ServedPlugin } from "./inference/messages.js";
export { apiKeys, createKey, keysOfEnvironment, readKeyFile } from "./keys.js";
export type { ApiKey, ApiKeys } from "./keys.js";
export { runBatchFile } from "./batch/offline.js";
export type { BatchFileResult } from "./batch/offline.js";
export type { BatchFileOptions } from "./batch/offline-options.js";
