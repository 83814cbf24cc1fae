/** A browser's Cache Storage in memory, as far as files that are kept need it: for tests in Node. */

interface MemoryCache {
  match(key: string): Promise<Response | undefined>;
  put(key: string, response: Response): Promise<void>;
  delete(key: string): Promise<boolean>;
  keys(): Promise<{ readonly url: string }[]>;
}

/** Its only cache holds what is in `stored`, by address; a test may lose or damage it there. */
export function memoryCacheStorage(stored: Map<string, Uint8Array<ArrayBuffer>>): { open(): Promise<MemoryCache> } {
  const cache: MemoryCache = {
    match: (key) => Promise.resolve(stored.has(key) ? new Response(stored.get(key)) : undefined),
    put: async (key, response) => void stored.set(key, new Uint8Array(await response.arrayBuffer())),
    delete: (key) => Promise.resolve(stored.delete(key)),
    keys: () => Promise.resolve([...stored.keys()].map((url) => ({ url }))),
  };
  return { open: () => Promise.resolve(cache) };
}
