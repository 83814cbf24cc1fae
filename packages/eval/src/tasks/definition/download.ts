/** A task's data from a URL that the user gives, once: the next run finds it in a folder. */
import { createHash } from "node:crypto";
import { access, mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { extname, join } from "node:path";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  required,
  text,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { pathCheck } from "../../arguments.js";
import { documentFileEnds } from "./document-file.js";

/** Options of a download. */
export interface DownloadOptions {
  /** Downloaded files lie there, each in a folder of its URL's hash. */
  readonly folder: string;
  /** A longer file is refused. Default 4 GiB. */
  readonly mostBytes?: number | undefined;
  /** `total` is undefined where the server does not say. */
  readonly onProgress?: ((received: number, total: number | undefined) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const checks: OptionChecks<DownloadOptions> = {
  folder: required(pathCheck),
  mostBytes: whole(0),
  onProgress: callback(),
  signal: abortSignal,
};

const defaultMostBytes = 4 * 2 ** 30;

/**
 * The file's path, named as in the URL. It is there whole or not at all, and not asked for again: delete it to have it anew.
 * Throws `invalid-argument` for a URL that is not http(s) or names no data file, `not-found` for what the server has not,
 * `invalid-file` for a file that is too long, `runtime` for a connection that fails, `aborted`.
 */
export async function downloadData(url: string, options: DownloadOptions): Promise<string> {
  checkValue("url", url, text);
  checkOptions("downloadData()", options, checks);
  const { folder, signal } = options;
  const place = join(folder, createHash("sha256").update(url).digest("hex").slice(0, 16));
  const path = join(place, nameOf(url));
  if (await isThere(path)) return path;
  const partial = `${path}.${process.pid}.partial`;
  const file = await create(partial, place);
  try {
    try {
      await receive(await answer(url, signal), file, url, options);
    } finally {
      await file.close();
    }
    await rename(partial, path);
    return path;
  } catch (cause) {
    await rm(partial, { force: true });
    if (DynamoError.is(cause)) throw cause;
    throwIfAborted(signal);
    throw (cause as NodeJS.ErrnoException).syscall === undefined
      ? new DynamoError("runtime", `the connection to ${url} broke off`, { cause })
      : new DynamoError("invalid-argument", `cannot write into ${folder}`, { cause });
  }
}

async function create(path: string, folder: string): Promise<FileHandle> {
  try {
    await mkdir(folder, { recursive: true });
    return await open(path, "w");
  } catch (cause) {
    throw new DynamoError("invalid-argument", `cannot write into ${folder}`, { cause });
  }
}

/** Its last part, in letters that every file system takes. */
function nameOf(url: string): string {
  const { protocol, pathname } = URL.canParse(url) ? new URL(url) : { protocol: "", pathname: "" };
  const name = (pathname.split("/").at(-1) ?? "").replaceAll(/[^\w.-]/g, "_");
  if (/^https?:$/.test(protocol) && documentFileEnds.includes(extname(name).toLowerCase())) return name;
  throw new DynamoError(
    "invalid-argument",
    `expected an http(s) address of a file named ${documentFileEnds.join(", ")}, received ${url}`,
  );
}

async function answer(url: string, signal: AbortSignal | undefined): Promise<Response> {
  const response = await fetch(url, { ...(signal === undefined ? {} : { signal }) }).catch((cause: unknown) => {
    throwIfAborted(signal);
    throw new DynamoError("runtime", `cannot reach ${url}`, { cause });
  });
  if (response.ok) return response;
  await response.body?.cancel();
  throw new DynamoError("not-found", `${url}: expected a file, received status ${response.status}`);
}

async function receive(
  response: Response,
  file: FileHandle,
  url: string,
  { mostBytes = defaultMostBytes, onProgress }: DownloadOptions,
): Promise<void> {
  const said = Number(response.headers.get("content-length") ?? NaN);
  const total = Number.isFinite(said) ? said : undefined;
  let received = 0;
  const check = (bytes: number): void => {
    if (bytes > mostBytes)
      throw new DynamoError("invalid-file", `${url}: expected at most ${mostBytes} bytes, received more`);
  };
  try {
    check(total ?? 0);
    for await (const chunk of response.body ?? []) {
      const bytes = chunk as Uint8Array;
      received += bytes.length;
      check(received);
      await file.writeFile(bytes);
      onProgress?.(received, total);
    }
  } finally {
    // Of a file that is refused, the rest is not waited for.
    if (response.body?.locked === false) await response.body.cancel();
  }
  await file.sync();
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
