/** @dynamo/runtime-node: core's Runtime over onnxruntime-node, off the main thread. */
export { diagnose } from "./diagnose.js";
export type { DeviceReport } from "./diagnose.js";
export { createNodeRuntime } from "./runtime.js";
export type { NodeRuntimeOptions } from "./runtime.js";
export type { NodeDevice } from "./settings.js";
export { urlFiles } from "@dynamo/core/url-files";
export type { DownloadProgress, FileSource, UrlFilesOptions } from "@dynamo/core/url-files";
