/** A file of a commit in memory. */
import { DynamoError } from "@dynamo/core";
import type { PartialFile } from "../download-file.js";
import type { HubFile } from "../listing.js";
import { streamHash } from "./stream-hash.js";

/** Throws `out-of-memory` when the tab has no room for it. */
export function memoryFile(file: HubFile): PartialFile & { readonly bytes: Uint8Array } {
  const bytes = allocate(file);
  let length = 0;
  let hash = streamHash(file);
  return {
    bytes,
    get length() {
      return length;
    },
    append(more) {
      bytes.set(more, length);
      length += more.length;
      hash.update(more);
      return Promise.resolve();
    },
    clear() {
      length = 0;
      hash = streamHash(file);
      return Promise.resolve();
    },
    flush: () => Promise.resolve(),
    hash: () => Promise.resolve(hash.digest()),
  };
}

function allocate({ path, size }: HubFile): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new DynamoError("out-of-memory", `${path}: the tab has no ${size} bytes for it: choose a smaller model`, {
      cause,
    });
  }
}
