/** A model's files at a web address: streamed, resumed where a download broke off, and kept in the browser's cache. */
import { DynamoError, throwIfAborted, type ModelFiles } from "@dynamo/core";
import { fileAddresses, isKeptByBrowsers, type FileSource } from "./file-addresses.js";
import { fileCache, type FileCache } from "./file-cache.js";
import { download } from "./download.js";
import { readPart, remoteFile, type Remote } from "./remote-file.js";

export interface DownloadProgress {
  readonly file: string;
  /** Bytes that are here, those of an earlier visit included. */
  readonly loaded: number;
  /** Undefined when the server does not say. */
  readonly total: number | undefined;
}

export interface UrlFilesOptions {
  /** Keep files in the browser's cache; default true, where the browser has one (https:// and localhost). */
  readonly cache?: boolean | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Told once why, when the browser's storage takes no more: files are loaded all the same, but not kept. */
  readonly onCacheFull?: ((reason: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For addresses that need headers; default: the browser's own. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** No larger file is loaded; default 3 GiB, as a page's WASM memory ends at 4. */
  readonly maxBytes?: number | undefined;
}

const defaultMaxBytes = 3 * 2 ** 30;

/**
 * The files below an address, a model's folder, or those of a list such as `modelFiles` of a model's npm package. A
 * file's size and version are asked for once per object; one that is in the cache in this version is not downloaded, and
 * without a network it counts as current. Throws `not-found` for missing files, `out-of-memory` for one above `maxBytes`,
 * `runtime` when the server cannot be reached.
 */
export function urlFiles(source: FileSource, options: UrlFilesOptions = {}): ModelFiles {
  const { cache: wanted = true, onProgress, onCacheFull, signal } = options;
  const { fetch = globalThis.fetch, maxBytes = defaultMaxBytes } = options;
  const { location, of: addressOf } = fileAddresses(source, globalThis.location.href);
  const cache: FileCache | undefined = wanted ? fileCache(onCacheFull) : undefined;
  const remotes = new Map<string, Promise<Remote | undefined>>();
  const network = { fetch: fetch.bind(globalThis), signal };

  const cacheOf = (address: string): FileCache | undefined => (isKeptByBrowsers(address) ? cache : undefined);

  function find(path: string): Promise<Remote | undefined> {
    throwIfAborted(signal);
    const address = addressOf(path);
    if (address === undefined) return Promise.resolve(undefined);
    const known =
      remotes.get(path) ??
      remoteFile(address, network, cacheOf(address)).catch((error: unknown) => {
        remotes.delete(path);
        throw error;
      });
    remotes.set(path, known);
    return known;
  }

  async function required(path: string): Promise<Remote> {
    const remote = await find(path);
    if (remote === undefined) throw new DynamoError("not-found", `${location} has no file ${path}`);
    if (remote.size !== undefined && remote.size > maxBytes) throw tooLarge(remote.address, remote.size, maxBytes);
    return remote;
  }

  async function readWhole(path: string, limit: number): Promise<Uint8Array> {
    const remote = await required(path);
    if (remote.size !== undefined && remote.size > limit) throw overLimit(remote.address, remote.size, limit);
    const bytes = await download(remote, {
      ...network,
      cache: cacheOf(remote.address),
      maxBytes: Math.min(limit, maxBytes),
      onProgress: (loaded, total) => onProgress?.({ file: path, loaded, total }),
    });
    remotes.set(path, Promise.resolve({ ...remote, size: bytes.length }));
    return bytes;
  }

  return {
    location,
    async size(path) {
      const remote = await find(path);
      if (remote === undefined || remote.size !== undefined) return remote?.size;
      // Compressed on its way, or of unknown length: only its bytes tell.
      return (await readWhole(path, maxBytes)).length;
    },
    read: readWhole,
    async readRange(path, byteOffset, byteLength) {
      const remote = await required(path);
      return readPart(remote, byteOffset, byteLength, network, cacheOf(remote.address));
    },
  };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

function tooLarge(address: string, size: number, maxBytes: number): DynamoError {
  return new DynamoError(
    "out-of-memory",
    `${address} has ${gigabytes(size)}, more than the ${gigabytes(maxBytes)} allowed here: choose a smaller dtype or model`,
  );
}

function overLimit(address: string, size: number, limit: number): DynamoError {
  return new DynamoError("invalid-file", `${address}: expected at most ${limit} bytes, received ${size}`);
}
