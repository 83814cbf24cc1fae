/** Downloads one file of a commit to where its bytes gather: resumed where it broke off, and verified. */
import { abortedError, DynamoError } from "@dynamo/core";
import { hubRequest, networkError, withoutQuery, withRetries, type HubAccess } from "./hub-access.js";
import type { HubFile } from "./listing.js";
import { TransientError } from "./status-error.js";

/** A file's bytes until they are whole: on a disk, in a browser's cache, in memory. */
export interface PartialFile {
  /** Bytes that are there, those of earlier visits included. */
  readonly length: number;
  append(bytes: Uint8Array): Promise<void>;
  /** Nothing of it is left. */
  clear(): Promise<void>;
  /** A connection has ended. */
  flush(): Promise<void>;
  /** The hash of all bytes, of the kind that the hub has of the file, in hexadecimal. */
  hash(): Promise<string>;
}

export interface FileDownload {
  readonly file: HubFile;
  readonly address: string;
  readonly access: HubAccess;
  /** Bytes of the file that are here; may become smaller. */
  readonly onBytes: (bytes: number) => void;
}

/** Fills `partial`. Throws `invalid-file` when the content is not what the hub's listing promised; nothing of it is left then. */
export async function downloadFile(download: FileDownload, partial: PartialFile): Promise<void> {
  const { access, file, onBytes } = download;
  const state: State = { etag: undefined, resumed: false, wrong: false };
  const attempt = async (): Promise<void> => {
    await receive(download, partial, state);
    await verify(download, partial, state);
  };
  await withRetries(access, attempt, () => partial.length);
  onBytes(file.size);
}

interface State {
  /** The server's name for what is in it; known only within one run. */
  etag: string | undefined;
  /** Some of the bytes are of an earlier connection. */
  resumed: boolean;
  /** Contents that were put together wrongly have been seen: a server that goes on so would have no end. */
  wrong: boolean;
}

/** One connection: from what is here to the end. */
async function receive(download: FileDownload, partial: PartialFile, state: State): Promise<void> {
  const { file, address, access, onBytes } = download;
  if (partial.length > file.size) await clear(partial, state);
  onBytes(partial.length);
  state.resumed = partial.length > 0;
  if (partial.length === file.size && file.size > 0) return;
  const { response, linkedEtag } = await hubRequest(address, access, rangeHeaders(partial.length, state.etag, access));
  try {
    checkAnswer(download, response, linkedEtag, partial.length);
  } catch (error) {
    await response.body?.cancel().catch(() => undefined);
    if (error instanceof TransientError) await clear(partial, state);
    throw error;
  }
  if (response.status === 200 && partial.length > 0) await clear(partial, state);
  state.etag = strong(response.headers.get("ETag"));
  await append(response, partial, download, state);
  if (partial.length < file.size) {
    throw new TransientError(`${address}: the server ended after ${partial.length} of ${file.size} bytes`);
  }
}

async function clear(partial: PartialFile, state: State): Promise<void> {
  await partial.clear();
  state.resumed = false;
  state.etag = undefined;
}

/** Without compression: sizes and ranges are the file's own. (Browsers choose by themselves, and ask a store before they send If-Range.) */
function rangeHeaders(length: number, etag: string | undefined, { redirect }: HubAccess): Record<string, string> {
  const range = length === 0 ? undefined : { Range: `bytes=${length}-` };
  if (redirect === "follow") return { ...range };
  const unchanged = range === undefined || etag === undefined ? undefined : { "If-Range": etag };
  return { "Accept-Encoding": "identity", ...range, ...unchanged };
}

/** Weak tags do not promise the same bytes. */
const strong = (etag: string | null): string | undefined => (etag?.startsWith('"') === true ? etag : undefined);

/** Throws `TransientError` when all that is here has to go. */
function checkAnswer(
  { file, address }: FileDownload,
  { status, headers }: Response,
  linkedEtag: string | undefined,
  length: number,
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
  partial: PartialFile,
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
      if (partial.length + next.value.length > file.size) {
        await clear(partial, state);
        throw new DynamoError("invalid-file", `${address}: expected ${file.size} bytes, the server sends more`);
      }
      await partial.append(next.value);
      onBytes(partial.length);
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
    await partial.flush();
  }
}

/** What was put together from two connections and is wrong is downloaded once more; else it is the server's fault. */
async function verify({ file, address }: FileDownload, partial: PartialFile, state: State): Promise<void> {
  const received = await partial.hash();
  if (received === file.hash.hex) return;
  const again = state.resumed && !state.wrong;
  await clear(partial, state);
  state.wrong = true;
  const where = withoutQuery(address);
  const message = `${where}: expected the content ${file.hash.kind} ${file.hash.hex}, received ${received}`;
  throw again ? new TransientError(message) : new DynamoError("invalid-file", `${message}: nothing of it was kept`);
}
