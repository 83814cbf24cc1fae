/** What a browser keeps of a model of the hub beside its files: what the hub said of it, and conversions. */
import { DynamoError } from "@dynamo/core";
import { partBytes, type FileCache } from "@dynamo/core/url-files";

const prefix = "https://hub.dynamo.invalid/";

/** What is kept of a model: what the hub said of it, its files, what was made of them. */
export type KeptKind = "listing" | "files" | "made";

/** An address that no server is asked for. `names`: a revision or commit, and a file. */
export const keptAddress = (kind: KeptKind, id: string, ...names: readonly string[]): string =>
  prefix + [kind, id, ...names].map(encodeURIComponent).join("/");

/** Its names; undefined for an address of something else. */
export function keptNames(address: string): readonly [kind: string, id: string, ...names: string[]] | undefined {
  const [kind, id, ...names] = address.startsWith(prefix)
    ? address.slice(prefix.length).split("/").map(decodeURIComponent)
    : [];
  return kind === undefined || id === undefined ? undefined : [kind, id, ...names];
}

/** A file that is there whole. */
export interface WholeFile {
  readonly size: number;
  /** Bytes [start, end). */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A whole file of the cache; undefined when it is not there in this version. */
export async function keptFile(
  cache: FileCache | undefined,
  address: string,
  version: string,
): Promise<WholeFile | undefined> {
  const found = await cache?.find(address);
  if (cache === undefined || found?.version !== version || found.size === undefined) return undefined;
  const { size } = found;
  // A part that is lost since then is as if there were none: the whole is made again.
  let there = 0;
  for await (const { length } of cache.parts(address, version)) there += length;
  if (there !== size) return undefined;
  return {
    size,
    async read(start, end) {
      const bytes = await cache.read(address, version, start, end);
      if (bytes === undefined) throw gone(address);
      return bytes;
    },
  };
}

const gone = (address: string): DynamoError => {
  const [, id = address, ...names] = keptNames(address) ?? [];
  const what = `hf:${id}: ${names.at(-1) ?? "a file"}`;
  return new DynamoError("not-found", `${what} has gone from the browser's cache: load the model again`);
};

/** False where the browser has no room for it, or no cache. */
export async function keepFile(
  cache: FileCache | undefined,
  address: string,
  version: string,
  bytes: Uint8Array,
): Promise<boolean> {
  if (cache === undefined || !(await hasRoom(bytes.length))) return false;
  for (let index = 0; index * partBytes < bytes.length; index++) {
    const part = bytes.subarray(index * partBytes, (index + 1) * partBytes);
    if (!(await cache.storePart(address, version, index, part))) return false;
  }
  await cache.storeEnd(address, version, bytes.length);
  return true;
}

/** What the tab may store, as far as the browser says. */
export async function hasRoom(bytes: number): Promise<boolean> {
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
