/**
 * Files in the browser's Cache Storage, in parts that lie under the hash of their content: a part that is there survives a
 * broken download, the same content at two addresses or in two versions is kept once, and a range is read without the rest of
 * the file. An entry for each address says which version it is and which parts it has. When the storage is full, files are
 * simply not kept.
 */

import { partBytes, type FileCache } from "./file-cache.js";
import { entryStorage } from "./entry-storage.js";

/** Undefined where the browser has none: pages that are not from https:// or localhost. `onFull` is told once why. */
export function browserCache(onFull?: (reason: string) => void): FileCache | undefined {
  if (!("caches" in globalThis)) return undefined;
  const storage = entryStorage(onFull);
  return {
    find: (address) => storage.find(address),
    async storeAbsence(address) {
      // What was there whole stays: a server that is being changed says much, and its word counts for this visit.
      if ((await storage.find(address))?.size !== undefined) return;
      await storage.remove(address);
      await storage.putEntry(address, { version: "", size: undefined, absent: true, parts: [] });
    },
    async *parts(address, version) {
      const entry = await storage.find(address);
      if (entry?.version !== version || entry.absent) return;
      for (const hash of entry.parts) {
        const next = await storage.part(hash);
        if (next === undefined) return;
        yield next;
      }
    },
    async read(address, version, start, end) {
      const entry = await storage.find(address);
      if (entry?.version !== version || entry.size === undefined || end > entry.size) return undefined;
      const bytes = new Uint8Array(end - start);
      for (let index = Math.floor(start / partBytes); index * partBytes < end; index++) {
        const whole = await storage.part(entry.parts[index] ?? "");
        if (whole === undefined) return undefined;
        const first = index * partBytes;
        const piece = whole.subarray(Math.max(start - first, 0), end - first);
        bytes.set(piece, Math.max(first - start, 0));
      }
      return bytes;
    },
    async storePart(address, version, index, bytes) {
      if (storage.full) return false;
      const known = await storage.find(address);
      const before = known?.version === version ? known.parts.slice(0, index) : [];
      // Another page may have begun anew meanwhile: a part without those before it is of no use.
      if (before.length !== index) return false;
      const hash = await storage.putPart(address, bytes);
      await storage.putEntry(address, { version, size: undefined, absent: false, parts: [...before, hash] });
      if (index === 0) await storage.sweep(known?.parts ?? []);
      return !storage.full;
    },
    async storeEnd(address, version, size) {
      const entry = await storage.find(address);
      const whole = entry?.version === version && entry.parts.length === Math.ceil(size / partBytes);
      if (!storage.full && (whole || size === 0))
        await storage.putEntry(address, { version, size, absent: false, parts: entry?.parts ?? [] });
    },
    async addresses() {
      const all = await storage.entries();
      return all.map(({ address, size, parts }) => ({ address, bytes: size ?? parts.length * partBytes }));
    },
    remove: (address) => storage.remove(address),
  };
}
