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
    // Bundlers put the browser's in the other's place; a plain page has nobody who does.
    const { hubFiles } = inNode() ? await import("../node-hub.js") : await import("../browser-hub.js");
    return hubFiles(source, options);
  }
  const { nodeFolder } = await import("../node-folder.js");
  return nodeFolder(source);
}

/** Deno and Bun say so, too. */
function inNode(): boolean {
  const { process } = globalThis as { readonly process?: { readonly versions?: { readonly node?: string } } };
  return process?.versions?.node !== undefined;
}
