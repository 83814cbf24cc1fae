/** What a browser keeps of a model of the hub beside its files: what the hub said of it, and conversions. */
import { partBytes, type FileCache } from "@dynamo/core/url-files";
import type { MadeFile } from "./made-files.js";

/** Addresses that no server is asked for. */
export const keptAddress = (...names: readonly string[]): string =>
  `https://hub.dynamo.invalid/${names.map(encodeURIComponent).join("/")}`;

/** A whole file of the cache; undefined when it is not there in this version. */
export async function keptFile(
  cache: FileCache | undefined,
  address: string,
  version: string,
): Promise<MadeFile | undefined> {
  const found = await cache?.find(address);
  if (cache === undefined || found?.version !== version || found.size === undefined) return undefined;
  const { size } = found;
  // A part that is lost since then is as if there were none: the whole is made again.
  if ((await cache.parts(address, version)).reduce((sum, { length }) => sum + length, 0) !== size) return undefined;
  return {
    size,
    async read(start, end) {
      const bytes = await cache.read(address, version, start, end);
      if (bytes === undefined) throw new Error(`${address} has gone from the browser's cache: load the model again`);
      return bytes;
    },
  };
}

/** Nothing happens where the browser has no room: the cache tells its owner. */
export async function keepFile(
  cache: FileCache | undefined,
  address: string,
  version: string,
  bytes: Uint8Array,
): Promise<void> {
  if (cache === undefined || !(await hasRoom(bytes.length))) return;
  for (let index = 0; index * partBytes < bytes.length; index++) {
    await cache.storePart(address, version, index, bytes.subarray(index * partBytes, (index + 1) * partBytes));
  }
  await cache.storeEnd(address, version, bytes.length);
}

/** What the tab may store, as far as the browser says. */
async function hasRoom(bytes: number): Promise<boolean> {
  const { navigator } = globalThis as {
    readonly navigator?: { readonly storage?: { estimate?(): Promise<Estimate> } };
  };
  const estimate = await navigator?.storage?.estimate?.().catch(() => undefined);
  return estimate?.quota === undefined || estimate.quota - (estimate.usage ?? 0) >= bytes;
}

interface Estimate {
  readonly quota?: number;
  readonly usage?: number;
}
