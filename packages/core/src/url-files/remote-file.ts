/** What a server says of a file, and parts of it by Range requests. */
import { DynamoError } from "../errors.js";
import type { FileCache } from "./file-cache.js";

export interface Network {
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal | undefined;
}

export interface Remote {
  readonly address: string;
  /** Undefined when the server does not say, or compresses it on its way. */
  readonly size: number | undefined;
  /** Changes with the content: its ETag, or when it was changed, or its size. */
  readonly version: string;
}

/** The server has no such file. */
export interface Missing {
  /** How that is known, for messages. */
  readonly missing: string;
}

export const isMissing = (file: Remote | Missing): file is Missing => "missing" in file;

/** Asks for a file's size and version. Without a network, what the cache has counts. */
export async function remoteFile(
  address: string,
  network: Network,
  cache: FileCache | undefined,
): Promise<Remote | Missing> {
  let response: Response;
  try {
    response = await request(address, network, { method: "HEAD" });
  } catch (error) {
    const kept = DynamoError.is(error) && error.code === "runtime" ? await cache?.find(address) : undefined;
    if (kept === undefined) throw error;
    return kept.absent
      ? { missing: "the server had none when it was last asked" }
      : { address, size: kept.size, version: kept.version };
  }
  const missing = absence(response, address);
  if (missing !== undefined) {
    await cache?.storeAbsence(address);
    return { missing };
  }
  checkStatus(response, address);
  const version = versionOf(response);
  return { address, size: sizeOf(response) ?? (await keptSize(cache, address, version)), version };
}

/** Of a file that is in the cache whole; a server that compresses it does not say. */
async function keptSize(cache: FileCache | undefined, address: string, version: string): Promise<number | undefined> {
  const kept = await cache?.find(address);
  return kept?.version === version ? kept.size : undefined;
}

/** Bytes [byteOffset, byteOffset + byteLength), from the cache where the file is there. */
export async function readPart(
  { address, version }: Remote,
  byteOffset: number,
  byteLength: number,
  network: Network,
  cache: FileCache | undefined,
): Promise<Uint8Array> {
  const end = byteOffset + byteLength;
  const kept = await cache?.read(address, version, byteOffset, end);
  if (kept !== undefined) return kept;
  if (byteLength === 0) return new Uint8Array(0);
  const response = await request(address, network, { headers: { Range: `bytes=${byteOffset}-${end - 1}` } });
  if (response.status !== 416) checkStatus(response, address);
  const received = new Uint8Array(await bodyOf(response, address, network.signal));
  // A server without ranges sends the whole file.
  const bytes = response.status === 200 ? received.subarray(byteOffset, end) : received;
  if (response.status === 416 || bytes.length !== byteLength) {
    throw new DynamoError("invalid-file", `${address}: expected bytes ${byteOffset} to ${end}, the file is shorter`);
  }
  return bytes;
}

/** A request; `runtime` when the server cannot be reached, `aborted` when the caller's signal fired. */
export async function request(address: string, { fetch, signal }: Network, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, { ...init, ...(signal === undefined ? {} : { signal }) });
  } catch (cause) {
    // A `fetch` of the caller's own may know better what an answer means.
    if (DynamoError.is(cause)) throw cause;
    throw networkError(address, signal, cause);
  }
}

export function networkError(address: string, signal: AbortSignal | undefined, cause: unknown): DynamoError {
  if (signal?.aborted === true) return new DynamoError("aborted", "stopped by the caller's signal", { cause });
  return new DynamoError(
    "runtime",
    `${address} cannot be loaded: no network, or the server refuses (${reason(cause)})`,
    {
      cause,
    },
  );
}

/** Node says "fetch failed"; why stands in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { readonly code?: unknown };
  const message = error.message === "" && typeof code === "string" ? code : error.message;
  return error.cause instanceof Error ? `${message}: ${reason(error.cause)}` : message;
}

export function checkStatus(response: Response, address: string): void {
  if (response.ok) return;
  if (response.status === 404 || response.status === 410)
    throw new DynamoError("not-found", `${address}: the server has no such file (${response.status})`);
  throw new DynamoError("runtime", `${address}: expected the file, received HTTP status ${response.status}`);
}

/** Servers of single-page apps answer every unknown address with their page. */
function absence({ status, headers }: Response, address: string): string | undefined {
  if (status === 404 || status === 410) return `the server answers ${status}`;
  const isPage = (headers.get("Content-Type") ?? "").startsWith("text/html") && !/\.html?$/.test(address);
  return status === 200 && isPage ? "the server answers with a page of HTML" : undefined;
}

function sizeOf({ headers }: Response): number | undefined {
  const length = Number(headers.get("Content-Length") ?? Number.NaN);
  return Number.isSafeInteger(length) && !headers.has("Content-Encoding") ? length : undefined;
}

/** `W/` is left off: whether the bytes or the meaning are the same, it is the same file. */
export function versionOf({ headers }: Response): string {
  const tag = headers.get("ETag")?.replace(/^W\//, "");
  return tag ?? headers.get("Last-Modified") ?? `size ${headers.get("Content-Length") ?? "unknown"}`;
}

async function bodyOf(response: Response, address: string, signal: AbortSignal | undefined): Promise<ArrayBuffer> {
  try {
    return await response.arrayBuffer();
  } catch (cause) {
    throw networkError(address, signal, cause);
  }
}
