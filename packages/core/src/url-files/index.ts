/**
 * @dynamo/core/url-files: a model's files at a web address, in Node, Deno and browsers. Programs take `urlFiles` of their
 * runtime's package: @dynamo/runtime-web's keeps the files in the browser's cache, @dynamo/runtime-node's keeps none.
 */
export { browserCache } from "./browser-cache.js";
export { partBytes } from "./file-cache.js";
export type { FileCache, KeptAddress, KeptFile } from "./file-cache.js";
export type { FileSource } from "./file-addresses.js";
export { cachedUrlFiles, urlFiles, urlFilesChecks } from "./url-files.js";
export type { DownloadProgress, UrlFilesOptions } from "./url-files.js";
export { waited } from "./waited.js";
