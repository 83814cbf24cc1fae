/**
 * Files in the browser's Cache Storage, by address and version, in parts: a part that is there survives a broken download,
 * and a range is read without the rest of the file. When the storage is full, files are simply not kept.
 */

import { messageOf } from "./settings.js";

/** A part's size: small enough to lose, large enough that a model has few. */
export const partBytes = 4 * 2 ** 20;

const cacheName = "dynamo-model-files-1";

/** What is known of a file. */
export interface Entry {
  readonly version: string;
  /** Undefined until all of it is there. */
  readonly size: number | undefined;
  /** The server had no such file. */
  readonly absent: boolean;
}

export interface FileCache {
  /** What is kept of the file, in whatever version. */
  find(address: string): Promise<Entry | undefined>;
  storeAbsence(address: string): Promise<void>;
  /** The parts that are there of this version, from the first one on. */
  parts(address: string, version: string): Promise<readonly Uint8Array[]>;
  /** Bytes [start, end) of a file that is there whole. */
  read(address: string, version: string, start: number, end: number): Promise<Uint8Array | undefined>;
  /** Parts come in order; the first one of another version takes the place of what was there. */
  storePart(address: string, version: string, index: number, bytes: Uint8Array): Promise<void>;
  storeEnd(address: string, version: string, size: number): Promise<void>;
}

/** Undefined where the browser has none: pages that are not from https:// or localhost. `onFull` is told once why. */
export function fileCache(onFull?: (reason: string) => void): FileCache | undefined {
  if (!("caches" in globalThis)) return undefined;
  let full = false;
  const stop = (error: unknown): undefined => {
    if (!full) onFull?.(messageOf(error));
    full = true;
  };
  // A browser may have the storage and still refuse to open it.
  const opened = globalThis.caches.open(cacheName).catch(stop);

  async function find(address: string): Promise<Entry | undefined> {
    const found = await (await opened)?.match(keyOf(address, "entry"));
    return found === undefined ? undefined : ((await found.json()) as Entry);
  }

  async function part(address: string, index: number): Promise<Uint8Array | undefined> {
    const found = await (await opened)?.match(keyOf(address, String(index)));
    return found === undefined ? undefined : new Uint8Array(await found.arrayBuffer());
  }

  async function put(address: string, name: string, body: Uint8Array | string): Promise<void> {
    if (full) return;
    try {
      await (await opened)?.put(keyOf(address, name), new Response(body as BodyInit));
    } catch (error) {
      stop(error);
      // Half a file would be asked for the rest of at every visit.
      await remove(address).catch(() => undefined);
    }
  }

  const putEntry = (address: string, entry: Entry): Promise<void> => put(address, "entry", JSON.stringify(entry));

  async function remove(address: string): Promise<void> {
    const cache = await opened;
    await cache?.delete(keyOf(address, "entry"));
    for (let index = 0; (await cache?.delete(keyOf(address, String(index)))) === true; index++);
  }

  return {
    find,
    async storeAbsence(address) {
      await remove(address);
      await putEntry(address, { version: "", size: undefined, absent: true });
    },
    async parts(address, version) {
      const entry = await find(address);
      if (entry?.version !== version || entry.absent) return [];
      const parts: Uint8Array[] = [];
      for (let next = await part(address, 0); next !== undefined; next = await part(address, parts.length))
        parts.push(next);
      return parts;
    },
    async read(address, version, start, end) {
      const entry = await find(address);
      if (entry?.version !== version || entry.size === undefined || end > entry.size) return undefined;
      const bytes = new Uint8Array(end - start);
      for (let index = Math.floor(start / partBytes); index * partBytes < end; index++) {
        const whole = await part(address, index);
        if (whole === undefined) return undefined;
        const first = index * partBytes;
        const piece = whole.subarray(Math.max(start - first, 0), end - first);
        bytes.set(piece, Math.max(first - start, 0));
      }
      return bytes;
    },
    async storePart(address, version, index, bytes) {
      if (index === 0) {
        await remove(address);
        await putEntry(address, { version, size: undefined, absent: false });
      }
      await put(address, String(index), bytes);
    },
    async storeEnd(address, version, size) {
      if (!full) await putEntry(address, { version, size, absent: false });
    },
  };
}

/** An address that no server is asked for. */
function keyOf(address: string, name: string): string {
  const key = new URL(address);
  key.hash = "";
  key.searchParams.set("dynamo-part", name);
  return key.href;
}
