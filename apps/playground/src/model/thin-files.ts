/** Model files over fetch and of a picked folder. */
import { DynamoError } from "@dynamo/core";
import type { ModelFiles } from "@dynamo/model";
import type { Progress } from "./open-model.js";

interface UrlOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export function urlFiles(url: string, { onProgress, signal }: UrlOptions = {}): ModelFiles {
  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(new URL(path, url), { ...init, ...(signal === undefined ? {} : { signal }) });
  const read = async (path: string): Promise<Uint8Array> => {
    const response = await get(path);
    if (!response.ok) throw new DynamoError("not-found", `${url}${path}: ${response.status} ${response.statusText}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    onProgress?.({ file: path, loaded: bytes.length, total: bytes.length });
    return bytes;
  };
  return {
    location: url,
    async size(path) {
      const response = await get(path, { method: "HEAD" });
      const isFile = response.ok && !(response.headers.get("content-type") ?? "").startsWith("text/html");
      return isFile ? Number(response.headers.get("content-length")) : undefined;
    },
    read,
    readRange: async (path, offset, length) => (await read(path)).subarray(offset, offset + length),
  };
}

export function folderFiles(files: readonly File[]): ModelFiles {
  const find = (path: string): File | undefined =>
    files.find((file) => file.webkitRelativePath.split("/").slice(1).join("/") === path);
  const read = async (path: string): Promise<Uint8Array> => {
    const file = find(path);
    if (file === undefined) throw new DynamoError("not-found", `the folder has no ${path}`);
    return new Uint8Array(await file.arrayBuffer());
  };
  return {
    location: "the folder",
    size: async (path) => Promise.resolve(find(path)?.size),
    read,
    readRange: async (path, offset, length) => (await read(path)).subarray(offset, offset + length),
  };
}
