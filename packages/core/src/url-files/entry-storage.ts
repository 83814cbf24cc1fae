/** Entries and parts in the browser's Cache Storage: parts lie under the hash of their content, entries under addresses. */
import type { KeptFile } from "./file-cache.js";

const cacheName = "dynamo-model-files-2";

/** What is used of a browser's `Cache`: not every program that reads this has the DOM's types. */
interface BrowserCache {
  match(key: string): Promise<Response | undefined>;
  put(key: string, response: Response): Promise<void>;
  delete(key: string): Promise<boolean>;
  keys(): Promise<readonly { readonly url: string }[]>;
}

/** What is known of a file, and where its content lies. */
export interface Entry extends KeptFile {
  /** SHA-256 of each part, in hex. */
  readonly parts: readonly string[];
}

export interface EntryStorage {
  /** Nothing more is stored from here on. */
  readonly full: boolean;
  find(address: string): Promise<Entry | undefined>;
  entries(): Promise<readonly (Entry & { readonly address: string })[]>;
  putEntry(address: string, entry: Entry): Promise<void>;
  /** Undefined also where its bytes are no longer those of its hash: then it goes, and is stored anew. */
  part(hash: string): Promise<Uint8Array | undefined>;
  /** Stores a part unless it is there; its hash. The address is whose file it belongs to. */
  putPart(address: string, bytes: Uint8Array): Promise<string>;
  /** An address's entry, and the parts that no other has. */
  remove(address: string): Promise<void>;
  /** Of these parts, those that no entry has go. */
  sweep(parts: readonly string[]): Promise<void>;
}

/** `onFull` is told once why nothing more can be stored. */
export function entryStorage(onFull?: (reason: string) => void): EntryStorage {
  let full = false;
  const stop = (error: unknown): undefined => {
    if (!full) onFull?.(error instanceof Error ? error.message : String(error));
    full = true;
  };
  // A browser may have the storage and still refuse to open it.
  const { caches } = globalThis as unknown as { readonly caches: { open(name: string): Promise<BrowserCache> } };
  const opened = caches.open(cacheName).catch(stop);

  async function get(key: string): Promise<Response | undefined> {
    return (await opened)?.match(key);
  }

  async function find(address: string): Promise<Entry | undefined> {
    return (await (await get(entryKey(address)))?.json()) as Entry | undefined;
  }

  async function part(hash: string): Promise<Uint8Array | undefined> {
    const found = await get(partKey(hash));
    if (found === undefined) return undefined;
    const bytes = new Uint8Array(await found.arrayBuffer());
    if ((await sha256(bytes)) === hash) return bytes;
    await (await opened)?.delete(partKey(hash));
    return undefined;
  }

  /** When the storage is full, what there was of the address goes too, lest half a file stay. */
  async function put(address: string, key: string, body: Uint8Array | string): Promise<void> {
    if (full) return;
    try {
      await (await opened)?.put(key, new Response(body as ConstructorParameters<typeof Response>[0]));
    } catch (error) {
      stop(error);
      await remove(address).catch(() => undefined);
    }
  }

  const putEntry = (address: string, entry: Entry): Promise<void> =>
    put(address, entryKey(address), JSON.stringify(entry));

  async function remove(address: string): Promise<void> {
    const entry = await find(address);
    await (await opened)?.delete(entryKey(address));
    await sweep(entry?.parts ?? []);
  }

  async function entries(): Promise<(Entry & { readonly address: string })[]> {
    const found: (Entry & { readonly address: string })[] = [];
    for (const { url } of (await (await opened)?.keys()) ?? []) {
      const entry = isEntry(url) ? ((await (await get(url))?.json()) as Entry | undefined) : undefined;
      if (entry !== undefined) found.push({ ...entry, address: decodeURIComponent(url.slice(entriesPrefix.length)) });
    }
    return found;
  }

  async function sweep(parts: readonly string[]): Promise<void> {
    const cache = await opened;
    if (cache === undefined || parts.length === 0) return;
    const kept = new Set((await entries()).flatMap((entry) => entry.parts));
    for (const hash of parts) if (!kept.has(hash)) await cache.delete(partKey(hash));
  }

  return {
    get full() {
      return full;
    },
    find,
    entries,
    putEntry,
    part,
    async putPart(address, bytes) {
      const hash = await sha256(bytes);
      if ((await get(partKey(hash))) === undefined) await put(address, partKey(hash), bytes);
      return hash;
    },
    remove,
    sweep,
  };
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Addresses that no server is asked for.
const entriesPrefix = "https://entries.dynamo.invalid/";
const entryKey = (address: string): string => `${entriesPrefix}${encodeURIComponent(address)}`;
const isEntry = (key: string): boolean => key.startsWith(entriesPrefix);
const partKey = (hash: string): string => `https://parts.dynamo.invalid/${hash}`;
