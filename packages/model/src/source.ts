/** A model's source as the public functions take it: a folder's path in Node, or files from anywhere. */
import type { ModelFiles } from "@dynamo/core";

/** Node's file system comes in only when a path is given, so that browsers never load it. */
export async function openSource(source: string | ModelFiles): Promise<ModelFiles> {
  if (typeof source !== "string") return source;
  const { nodeFolder } = await import("./node-folder.js");
  return nodeFolder(source);
}
