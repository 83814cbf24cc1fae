/** A model's files as its listing has them: from the browser's cache where they are whole, else from the hub, verified. */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import { atOnce, filesAtOnce } from "../at-once.js";
import { downloadFile } from "../download-file.js";
import { hubRequest, networkError, withoutQuery, withRetries, type HubAccess } from "../hub-access.js";
import { fileAddress, type HubFile, type HubListing } from "../listing.js";
import { TransientError } from "../status-error.js";
import { totalProgress } from "../total-progress.js";
import type { BrowserPlace } from "./browser-place.js";
import { cachedFile } from "./cached-file.js";
import { hasRoom, keepFile, keptAddress, keptFile } from "./kept-file.js";
import { memoryFile } from "./memory-file.js";

/** The files that a hub lists of one model. */
export interface ListedFiles extends ModelFiles {
  /**
   * All of them into the cache, several at once, each resumed where it broke off. False, and nothing is asked, where the browser
   * has no room: files are then read into memory, and ranges come from the hub without a hash of their own.
   */
  download(): Promise<boolean>;
  /** Takes these out of the cache. */
  forget(paths: readonly string[]): Promise<void>;
}

/** These files of a listing; to others it is as if they were not there. */
export function listedFiles(listing: HubListing, names: readonly string[], place: BrowserPlace): ListedFiles {
  const { access, cache, offline, onProgress } = place;
  const location = `hf:${listing.id}`;
  const files = listing.files.filter(({ path }) => names.includes(path));
  const find = (path: string): HubFile => {
    const file = files.find((each) => each.path === path);
    if (file === undefined) throw new DynamoError("not-found", `${location} has no file ${path}`);
    return file;
  };
  const addressOf = (path: string): string => keptAddress("files", listing.id, listing.commit, path);
  const kept = ({ path, hash }: HubFile): ReturnType<typeof keptFile> => keptFile(cache, addressOf(path), hash.hex);
  const askedOf = (file: HubFile): string => {
    if (!offline) return fileAddress(access.endpoint, listing, file.path);
    throw new DynamoError(
      "not-found",
      `${location}: ${file.path} is not in the browser's cache, and the hub is not asked (offline)`,
    );
  };
  const report = totalProgress(files, files, onProgress);

  async function whole(file: HubFile): Promise<Uint8Array> {
    const found = await kept(file);
    if (found !== undefined) return found.read(0, found.size);
    const address = askedOf(file);
    const partial = memoryFile(file);
    await downloadFile({ file, address, access, onBytes: (bytes) => report(file, bytes) }, partial);
    await keepFile(cache, addressOf(file.path), file.hash.hex, partial.bytes);
    return partial.bytes;
  }

  async function download(): Promise<boolean> {
    const missing: HubFile[] = [];
    for (const file of files) {
      if ((await kept(file)) === undefined) missing.push(file);
      else report(file, file.size);
    }
    if (cache === undefined || !(await hasRoom(missing.reduce((sum, { size }) => sum + size, 0)))) return false;
    await atOnce(filesAtOnce, missing, access.signal, async (file, signal) => {
      const partial = await cachedFile(cache, addressOf(file.path), file);
      const onBytes = (bytes: number): void => report(file, bytes);
      await downloadFile({ file, address: askedOf(file), access: { ...access, signal }, onBytes }, partial);
      await partial.finish();
    });
    return true;
  }

  return {
    location,
    size: (path) => Promise.resolve(files.find((each) => each.path === path)?.size),
    async read(path, limit) {
      const file = find(path);
      if (file.size <= limit) return whole(file);
      throw new DynamoError(
        "invalid-file",
        `${location}: ${path}: expected at most ${limit} bytes, received ${file.size}`,
      );
    },
    async readRange(path, byteOffset, byteLength) {
      const file = find(path);
      const end = byteOffset + byteLength;
      if (end > file.size) {
        throw new DynamoError(
          "invalid-file",
          `${location}: ${path}: expected bytes ${byteOffset} to ${end}, the file has ${file.size}`,
        );
      }
      const bytes = await cache?.read(addressOf(path), file.hash.hex, byteOffset, end);
      return bytes ?? rangeOf(askedOf(file), byteOffset, byteLength, access);
    },
    download,
    async forget(paths) {
      for (const path of paths) await cache?.remove(addressOf(path));
    },
  };
}

/** Bytes that nothing verifies but their number: a commit's address never changes its content. */
function rangeOf(address: string, byteOffset: number, byteLength: number, access: HubAccess): Promise<Uint8Array> {
  const last = byteOffset + byteLength - 1;
  const where = withoutQuery(address);
  if (byteLength === 0) return Promise.resolve(new Uint8Array(0));
  return withRetries(access, async () => {
    const { response } = await hubRequest(address, access, { Range: `bytes=${byteOffset}-${last}` });
    if (response.status === 416)
      throw new DynamoError("invalid-file", `${where}: the server has no bytes ${byteOffset} to ${last}`);
    // A server without ranges sends the whole file.
    const skipped = response.status === 206 ? 0 : byteOffset;
    const bytes = await bytesOf(response, skipped, byteLength, (cause) => networkError(address, access.signal, cause));
    if (bytes.length === byteLength) return bytes;
    throw new TransientError(`${where}: expected ${byteLength} bytes, received ${bytes.length}`);
  });
}

/** Reads no further than it has to. */
async function bytesOf(
  response: Response,
  skipped: number,
  byteLength: number,
  broken: (cause: unknown) => DynamoError,
): Promise<Uint8Array> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  const bytes = new Uint8Array(byteLength);
  let at = -skipped;
  try {
    while (at < byteLength) {
      const next = await reader?.read().catch((cause: unknown) => {
        throw broken(cause);
      });
      if (next === undefined || next.done) break;
      const piece = next.value.subarray(Math.max(-at, 0), byteLength - at);
      if (at + next.value.length > 0) bytes.set(piece, Math.max(at, 0));
      at += next.value.length;
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
  return bytes.subarray(0, Math.max(Math.min(at, byteLength), 0));
}
