/** A model's files at a web address: streamed, resumed where a download broke off. */
import { DynamoError, throwIfAborted } from "../errors.js";
import type { ModelFiles } from "../model-files.js";
import { abortSignal, callback, checkOptions, whole, type OptionChecks } from "../options.js";
import { sizeText } from "../size-text.js";
import { download } from "./download.js";
import { fileAddresses, isKeptByBrowsers, type FileSource } from "./file-addresses.js";
import type { FileCache } from "./file-cache.js";
import { isMissing, readPart, remoteFile, type Missing, type Remote } from "./remote-file.js";

/** How far a file's download is. */
export interface DownloadProgress {
  readonly file: string;
  /** Bytes that are here, those of an earlier visit included. */
  readonly loaded: number;
  /** Undefined when the server does not say. */
  readonly total: number | undefined;
}

/** Options of `urlFiles`. */
export interface UrlFilesOptions {
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For addresses that need headers; default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** No larger file is loaded; default 3 GiB, as a page's WASM memory ends at 4. */
  readonly maxBytes?: number | undefined;
}

/** What the options must be. */
export const urlFilesChecks: OptionChecks<UrlFilesOptions> = {
  onProgress: callback(),
  signal: abortSignal,
  fetch: callback<typeof globalThis.fetch>(),
  maxBytes: whole(1),
};

const defaultMaxBytes = 3 * 2 ** 30;

/**
 * The files below an address, a model's folder, or those of a list of addresses by path. A file's size and version are asked
 * for once per object. Without a page, addresses are absolute. Throws `invalid-argument` for an address that is none,
 * `not-found` for missing files, `out-of-memory` for one above `maxBytes`, `invalid-file` for one that is not as long as the
 * server says, `runtime` when the server cannot be reached, `aborted` when the signal fired.
 */
export function urlFiles(source: FileSource, options: UrlFilesOptions = {}): ModelFiles {
  return cachedUrlFiles(source, undefined, options);
}

/** As `urlFiles`; a file that is in the cache in the server's version is not downloaded, and without a network it counts as current. */
export function cachedUrlFiles(
  source: FileSource,
  cache: FileCache | undefined,
  options: UrlFilesOptions = {},
): ModelFiles {
  checkOptions("urlFiles()", options, urlFilesChecks);
  const { onProgress, signal, fetch = globalThis.fetch, maxBytes = defaultMaxBytes } = options;
  // Neither Node nor a typical Deno program has a page.
  const page = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
  const { location, of: addressOf } = fileAddresses(source, page);
  const remotes = new Map<string, Promise<Remote | Missing>>();
  const network = { fetch: fetch.bind(globalThis), signal };

  const cacheOf = (address: string): FileCache | undefined => (isKeptByBrowsers(address) ? cache : undefined);

  async function find(path: string): Promise<Remote | Missing> {
    throwIfAborted(signal);
    const address = addressOf(path);
    if (address === undefined) return { missing: "it is not in the list" };
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
    if (isMissing(remote)) throw new DynamoError("not-found", `${location} has no file ${path}: ${remote.missing}`);
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
      if (isMissing(remote)) return undefined;
      // Compressed on its way, or of unknown length: only its bytes tell.
      return remote.size ?? (await readWhole(path, maxBytes)).length;
    },
    read: readWhole,
    async readRange(path, byteOffset, byteLength) {
      const remote = await required(path);
      return readPart(remote, byteOffset, byteLength, network, cacheOf(remote.address));
    },
  };
}

function tooLarge(address: string, size: number, maxBytes: number): DynamoError {
  return new DynamoError(
    "out-of-memory",
    `${address} has ${sizeText(size)}, more than the ${sizeText(maxBytes)} allowed here (maxBytes): choose a smaller dtype or model`,
  );
}

function overLimit(address: string, size: number, limit: number): DynamoError {
  return new DynamoError("invalid-file", `${address}: expected at most ${limit} bytes, received ${size}`);
}
