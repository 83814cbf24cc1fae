/** A file of a commit in the browser's cache: its parts are there before it is whole, so that the next visit goes on. */
import { DynamoError, sizeText } from "@dynamo/core";
import { partBytes, type FileCache } from "@dynamo/core/url-files";
import type { PartialFile } from "../download-file.js";
import type { HubFile } from "../listing.js";
import { streamHash } from "./stream-hash.js";

/** At most one part of it is in memory. `finish`: it is whole and verified. */
export async function cachedFile(
  cache: FileCache,
  address: string,
  file: HubFile,
): Promise<PartialFile & { finish(): Promise<void> }> {
  const version = file.hash.hex;
  let hash = streamHash(file);
  let length = 0;
  const rest = new Uint8Array(Math.min(partBytes, file.size));
  for await (const part of cache.parts(address, version)) {
    // The last part of a file that was never called whole comes once more.
    if (part.length < partBytes) break;
    hash.update(part);
    length += part.length;
  }

  async function store(bytes: Uint8Array): Promise<void> {
    if (await cache.storePart(address, version, Math.ceil(length / partBytes) - 1, bytes)) return;
    throw new DynamoError(
      "out-of-memory",
      `${file.path}: the browser keeps no more than ${sizeText(length)} of ${sizeText(file.size)}: remove other models, or free space on the disk`,
    );
  }

  return {
    get length() {
      return length;
    },
    async append(bytes) {
      hash.update(bytes);
      for (let at = 0; at < bytes.length;) {
        const there = length % partBytes;
        const piece = bytes.subarray(at, at + partBytes - there);
        rest.set(piece, there);
        at += piece.length;
        length += piece.length;
        if (length % partBytes === 0) await store(rest);
      }
    },
    async clear() {
      await cache.remove(address);
      hash = streamHash(file);
      length = 0;
    },
    flush: () => Promise.resolve(),
    hash: () => Promise.resolve(hash.digest()),
    async finish() {
      if (length % partBytes > 0) await store(rest.subarray(0, length % partBytes));
      await cache.storeEnd(address, version, length);
    },
  };
}
