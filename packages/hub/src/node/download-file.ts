/** Downloads one file of a commit: resumed where it broke off, verified, and only then at its place. */
import { mkdir, open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { abortedError, DynamoError } from "@dynamo/core";
import { hubRequest, networkError, withoutQuery, withRetries, type HubAccess } from "../hub-access.js";
import type { HubFile } from "../listing.js";
import { TransientError } from "../status-error.js";
import { contentHash } from "./content-hash.js";
import { diskError } from "./disk-error.js";

export interface FileDownload {
  readonly file: HubFile;
  readonly address: string;
  /** Where the whole file goes. */
  readonly target: string;
  /** Where its bytes are until then; named by the content, so that nothing else ever stands there. */
  readonly partial: string;
  readonly access: HubAccess;
  /** Bytes of the file that are here; may become smaller. */
  readonly onBytes: (bytes: number) => void;
}

/** Throws `invalid-file` when the content is not what the hub's listing promised. */
export async function downloadFile(download: FileDownload): Promise<void> {
  const { target, partial, access, onBytes } = download;
  const state: State = { length: await sizeOf(partial), etag: undefined, resumed: false };
  try {
    await mkdir(dirname(partial), { recursive: true });
    await mkdir(dirname(target), { recursive: true });
    const attempt = async (): Promise<void> => {
      await receive(download, state);
      await verify(download, state);
    };
    await withRetries(access, attempt, () => state.length);
    await rename(partial, target);
    onBytes(download.file.size);
  } catch (error) {
    throw diskError(error, target);
  }
}

interface State {
  /** Bytes in the partial file. */
  length: number;
  /** The server's name for what is in it; known only within one run. */
  etag: string | undefined;
  /** Some of the bytes are of an earlier connection. */
  resumed: boolean;
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

/** One connection: from what is here to the end. */
async function receive(download: FileDownload, state: State): Promise<void> {
  const { file, address, partial, access, onBytes } = download;
  const handle = await open(partial, "a");
  try {
    if (state.length > file.size) await clear(handle, state);
    onBytes(state.length);
    state.resumed = state.length > 0;
    if (state.length === file.size && file.size > 0) return;
    const { response, linkedEtag } = await hubRequest(address, access, rangeHeaders(state));
    try {
      checkAnswer(download, response, linkedEtag, state);
    } catch (error) {
      await response.body?.cancel().catch(() => undefined);
      if (error instanceof TransientError) await clear(handle, state);
      throw error;
    }
    if (response.status === 200 && state.length > 0) await clear(handle, state);
    state.etag = strong(response.headers.get("ETag"));
    await append(response, handle, download, state);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (state.length < file.size) {
    throw new TransientError(`${address}: the server ended after ${state.length} of ${file.size} bytes`);
  }
}

async function clear(handle: FileHandle, state: State): Promise<void> {
  await handle.truncate(0);
  state.length = 0;
  state.resumed = false;
  state.etag = undefined;
}

/** Without compression: sizes and ranges are the file's own. */
function rangeHeaders({ length, etag }: State): Record<string, string> {
  const identity = { "Accept-Encoding": "identity" };
  if (length === 0) return identity;
  return { ...identity, Range: `bytes=${length}-`, ...(etag === undefined ? {} : { "If-Range": etag }) };
}

/** Weak tags do not promise the same bytes. */
const strong = (etag: string | null): string | undefined => (etag?.startsWith('"') === true ? etag : undefined);

/** Throws `TransientError` when all that is here has to go. */
function checkAnswer(
  { file, address }: FileDownload,
  { status, headers }: Response,
  linkedEtag: string | undefined,
  { length }: State,
): void {
  if (status === 416) throw new TransientError(`${address}: the server has no bytes from ${length} on`);
  if (/^text\/html/i.test(headers.get("Content-Type") ?? "") && !/\.html?$/.test(file.path)) {
    throw new DynamoError(
      "invalid-file",
      `${address}: expected the file, received a page of HTML: does a proxy ask for a login?`,
    );
  }
  // The commit's address never changes its content: another tag of the same form is another content.
  if (linkedEtag?.length === file.hash.hex.length && /^[0-9a-f]+$/.test(linkedEtag) && linkedEtag !== file.hash.hex) {
    throw new DynamoError(
      "invalid-file",
      `${address} was changed while it was being downloaded: expected ${file.hash.hex}, received ${linkedEtag}; try again`,
    );
  }
  const range = headers.get("Content-Range");
  const start = /^bytes (\d+)-/.exec(range ?? "")?.[1];
  if (status === 206 && Number(start) !== length) {
    throw new TransientError(`${address}: expected bytes from ${length} on, received ${range ?? "an unknown range"}`);
  }
  const total = status === 206 ? /\/(\d+)$/.exec(range ?? "")?.[1] : headers.get("Content-Length");
  if (total !== undefined && total !== null && !headers.has("Content-Encoding") && Number(total) !== file.size) {
    throw new DynamoError("invalid-file", `${address}: expected ${file.size} bytes, the server has ${total}`);
  }
}

async function append(
  response: Response,
  handle: FileHandle,
  { file, address, access: { signal }, onBytes }: FileDownload,
  state: State,
): Promise<void> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  try {
    for (;;) {
      if (signal?.aborted === true) throw abortedError(signal);
      const next = await reader?.read().catch((cause: unknown) => {
        throw networkError(address, signal, cause);
      });
      if (next === undefined || next.done) return;
      if (state.length + next.value.length > file.size) {
        await clear(handle, state);
        throw new DynamoError("invalid-file", `${address}: expected ${file.size} bytes, the server sends more`);
      }
      for (let at = 0; at < next.value.length;) at += (await handle.write(next.value, at)).bytesWritten;
      state.length += next.value.length;
      onBytes(state.length);
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}

/** What was put together from two connections and is wrong is downloaded once more; else it is the server's fault. */
async function verify({ file, address, partial }: FileDownload, state: State): Promise<void> {
  const received = await contentHash(partial, file.hash.kind);
  if (received === file.hash.hex) return;
  await rm(partial, { force: true });
  const { resumed } = state;
  Object.assign(state, { length: 0, etag: undefined, resumed: false } satisfies State);
  const where = withoutQuery(address);
  const message = `${where}: expected the content ${file.hash.kind} ${file.hash.hex}, received ${received}`;
  throw resumed ? new TransientError(message) : new DynamoError("invalid-file", `${message}: nothing of it was kept`);
}
