/** Downloads a file into memory and the cache, part by part; what broke off goes on where it was. */
import { DynamoError } from "../errors.js";
import { partBytes, type FileCache } from "./file-cache.js";
import { checkStatus, networkError, request, versionOf, type Network, type Remote } from "./remote-file.js";
import { waited } from "./waited.js";

export interface DownloadOptions extends Network {
  readonly cache: FileCache | undefined;
  readonly maxBytes: number;
  readonly onProgress: (loaded: number, total: number | undefined) => void;
}

/** Times that a connection may break off without a byte having come, and the milliseconds before the next try. */
const patience = 3;
const pause = 500;

/** The whole file. */
export async function download(remote: Remote, options: DownloadOptions): Promise<Uint8Array> {
  const { cache, signal } = options;
  const received = receiver(remote, options);
  if (cache !== undefined)
    for await (const part of cache.parts(remote.address, remote.version)) await received.push(part, true);
  if (remote.size !== undefined && received.length === remote.size && cache !== undefined) {
    // All of it was there; a file that ends with a part has been left open when the page was closed just then.
    await received.finish();
    return received.bytes();
  }
  for (let failures = 0; ;) {
    const before = received.length;
    try {
      await receive(remote, received, options);
      checkLength(remote, received.length);
      await received.finish();
      return received.bytes();
    } catch (error) {
      if (!DynamoError.is(error) || error.code !== "runtime") throw error;
      failures = received.length > before ? 1 : failures + 1;
      if (failures > patience) throw error;
      await waited(pause * failures, signal);
      if (signal?.aborted === true) throw networkError(remote.address, signal, error);
    }
  }
}

/** A server or proxy that ends a file early without an error would hand over half a model. */
function checkLength({ address, size }: Remote, length: number): void {
  if (size === undefined || size === length) return;
  throw new DynamoError("invalid-file", `${address}: expected ${size} bytes, the server sent ${length}`);
}

/** One connection: from what is here to the end. */
async function receive(remote: Remote, received: Receiver, options: DownloadOptions): Promise<void> {
  const { address, version } = remote;
  const resumed = received.length > 0;
  const headers: Record<string, string> = resumed ? { Range: `bytes=${received.length}-` } : {};
  const response = await request(address, options, { headers });
  // The file ended where the connection did.
  if (resumed && response.status === 416) return;
  checkStatus(response, address);
  if (resumed && (response.status !== 206 || versionOf(response) !== version)) {
    const tagged = response.headers.has("ETag") || response.headers.has("Last-Modified");
    // Another version, or a server without ranges: all over again. (Without a tag, the size has been compared.)
    if (response.status !== 206 || tagged) received.clear();
    if (response.status === 206 && tagged) {
      await response.body?.cancel();
      throw new DynamoError("invalid-file", `${address} was changed while it was being downloaded: load it again`);
    }
  }
  if (resumed && response.status === 206) await checkStart(response, address, received.length);
  const reader = response.body?.getReader();
  try {
    for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read())
      await received.push(next.value, false);
  } catch (cause) {
    if (DynamoError.is(cause)) {
      await reader?.cancel().catch(() => undefined);
      throw cause;
    }
    throw networkError(address, options.signal, cause);
  }
}

/** A server that answers another range than was asked for would put the file together wrongly. */
async function checkStart(response: Response, address: string, start: number): Promise<void> {
  const range = response.headers.get("Content-Range");
  // Other origins may hide it.
  if (range === null || range.startsWith(`bytes ${start}-`)) return;
  await response.body?.cancel();
  throw new DynamoError("invalid-file", `${address}: expected bytes from ${start} on, received ${range}`);
}

interface Receiver {
  readonly length: number;
  /** `stored`: it came from the cache. */
  push(chunk: Uint8Array, stored: boolean): Promise<void>;
  clear(): void;
  /** Stores what is left. */
  finish(): Promise<void>;
  bytes(): Uint8Array;
}

function receiver({ address, size, version }: Remote, { cache, maxBytes, onProgress }: DownloadOptions): Receiver {
  let whole = new Uint8Array(size ?? 0);
  let length = 0;
  let stored = 0;

  /** Whole parts, and at the end the rest. */
  async function store(upTo: number): Promise<void> {
    while (cache !== undefined && stored < upTo && (upTo - stored >= partBytes || upTo === length)) {
      const end = Math.min(stored + partBytes, upTo);
      await cache.storePart(address, version, stored / partBytes, whole.subarray(stored, end));
      stored = end;
    }
  }

  return {
    get length() {
      return length;
    },
    async push(chunk, fromCache) {
      if (length + chunk.length > maxBytes) {
        throw new DynamoError(
          "out-of-memory",
          `${address} has more than the ${maxBytes} bytes allowed here: choose a smaller dtype or model`,
        );
      }
      if (length + chunk.length > whole.length) {
        const larger = new Uint8Array(Math.max(length + chunk.length, 2 * whole.length));
        larger.set(whole.subarray(0, length));
        whole = larger;
      }
      whole.set(chunk, length);
      length += chunk.length;
      if (fromCache) stored = length;
      onProgress(length, size);
      if (length - stored >= partBytes) await store(length - ((length - stored) % partBytes));
    },
    clear() {
      length = 0;
      stored = 0;
    },
    async finish() {
      await store(length);
      await cache?.storeEnd(address, version, length);
    },
    bytes: () => whole.subarray(0, length),
  };
}
