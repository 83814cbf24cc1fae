/** A model's source as the public functions take it: a folder's path in Node, a hub id, a web address, or files from anywhere. */
import type { ModelFiles } from "@dynamo/core";
import { isHubAddress } from "@dynamo/hub";
import { urlFiles } from "@dynamo/core/url-files";
import type { SourceOptions } from "./source-options.js";

/** Node's file system comes in only when a path or a hub id is given, so that browsers never load it. */
export async function openSource(source: string | ModelFiles, options: SourceOptions): Promise<ModelFiles> {
  if (typeof source !== "string") return source;
  if (/^https?:\/\//i.test(source)) return urlFiles(source, { signal: options.signal });
  if (isHubAddress(source)) {
    const { hubFiles } = await import("../node-hub.js");
    return hubFiles(source, options);
  }
  const { nodeFolder } = await import("../node-folder.js");
  return nodeFolder(source);
}
