/** @dynamo/runtime-web: core's Runtime over onnxruntime-web in a Web Worker, and model files from URLs and folders. */
export { createWebRuntime } from "./runtime.js";
export type { WebRuntimeOptions } from "./runtime.js";
export type { Loss } from "./lazy-worker.js";
export type { WebDevice } from "./settings.js";
export { droppedFiles } from "./dropped-files.js";
export type { PlacedFiles } from "./dropped-files.js";
export { folderFiles } from "./folder-files.js";
export type { DownloadProgress, FileSource } from "@dynamo/core/url-files";
export { urlFiles } from "./url-files.js";
export type { WebUrlFilesOptions } from "./url-files.js";
