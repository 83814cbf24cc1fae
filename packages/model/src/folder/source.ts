/** A model's source as the public functions take it: a folder's path in Node, a web address, or files from anywhere. */
import type { ModelFiles } from "@dynamo/core";
import { urlFiles } from "@dynamo/core/url-files";

/** Node's file system comes in only when a path is given, so that browsers never load it. */
export async function openSource(source: string | ModelFiles, signal?: AbortSignal): Promise<ModelFiles> {
  if (typeof source !== "string") return source;
  if (/^https?:\/\//i.test(source)) return urlFiles(source, { signal });
  const { nodeFolder } = await import("../node-folder.js");
  return nodeFolder(source);
}
