/** Prepares a model: in a page by a worker, so that the page stays alive, elsewhere in place. */
import { abortedError, DynamoError, throwIfAborted, type ModelFiles } from "@dynamo/core";
import type { Conversion } from "./conversion.js";
import { prepare, type HubSource, type PrepareOptions } from "./prepare.js";
import { receivedError, sentError, type FileCall, type FromWorker, type ToWorker } from "./worker-messages.js";

/** What is used of a browser's `Worker`: not every program that reads this has the DOM's types. */
interface PageWorker {
  postMessage(message: ToWorker, transfer?: ArrayBuffer[]): void;
  terminate(): void;
  addEventListener(type: "message", listener: (event: { readonly data: FromWorker }) => void): void;
  addEventListener(
    type: "error",
    listener: (event: { readonly message?: string; preventDefault(): void }) => void,
  ): void;
}
declare const Worker: new (address: URL, options: { readonly type: "module" }) => PageWorker;

/** Node has no page, and a worker that loads a model is none: its thread may be busy. */
const inPage = (): boolean => "document" in globalThis && "Worker" in globalThis;

/** As `prepare`, which says what it throws; `runtime` when the worker cannot be started or ends. */
export function prepareAside(
  source: ModelFiles | HubSource,
  conversion: Conversion | undefined,
  options: PrepareOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  return inPage() ? inWorker(source, conversion, options) : prepare(source, conversion, options);
}

async function inWorker(
  source: ModelFiles | HubSource,
  conversion: Conversion | undefined,
  { onProgress, signal }: PrepareOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  throwIfAborted(signal);
  // Bundlers find the worker by this very expression.
  const worker = new Worker(new URL("./conversion-worker.js", import.meta.url), { type: "module" });
  const stop = new AbortController();
  const made = new Promise<ReadonlyMap<string, Uint8Array>>((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(abortedError(signal)), { signal: stop.signal });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      const why = event.message ?? "its script could not be loaded";
      reject(new DynamoError("runtime", `the worker that prepares the model ended unexpectedly (${why})`));
    });
    worker.addEventListener("message", ({ data }) => {
      if ("progress" in data) onProgress?.(data.progress);
      else if ("made" in data) resolve(data.made);
      else if ("error" in data) reject(receivedError(data.error));
      else if (!("listing" in source))
        void answer(source, data).then(({ message, transfer }) => worker.postMessage(message, transfer));
    });
    worker.postMessage({
      order: { source: "listing" in source ? { hub: source } : { location: source.location }, conversion },
    });
  });
  // What it holds, memory included, goes with it.
  return made.finally(() => {
    stop.abort();
    worker.terminate();
  });
}

interface Reply {
  readonly message: ToWorker;
  readonly transfer: ArrayBuffer[];
}

async function answer(files: ModelFiles, { id, ...asked }: { readonly id: number } & FileCall): Promise<Reply> {
  try {
    const value = await callOf(files, asked);
    if (!(value instanceof Uint8Array)) return { message: { id, value }, transfer: [] };
    // Whose memory it is only `files` knows: the worker gets its own.
    const own = value.slice();
    return { message: { id, value: own }, transfer: [own.buffer] };
  } catch (error) {
    return { message: { id, error: sentError(error) }, transfer: [] };
  }
}

function callOf(files: ModelFiles, asked: FileCall): Promise<Uint8Array | number | undefined> {
  switch (asked.call) {
    case "size":
      return files.size(...asked.args);
    case "read":
      return files.read(...asked.args);
    case "readRange":
      return files.readRange(...asked.args);
  }
}
