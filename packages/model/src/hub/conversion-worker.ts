/** The worker that a page's conversions run in: one order, one graph, then the page ends it. */
import type { ModelFiles } from "@dynamo/core";
import { convertInMemory } from "./converted-files.js";
import {
  receivedError,
  sentError,
  type ConversionOrder,
  type FileCall,
  type FromWorker,
  type ToWorker,
} from "./worker-messages.js";

interface Scope {
  addEventListener(type: "message", listener: (event: { readonly data: ToWorker }) => void): void;
  postMessage(message: FromWorker, transfer?: ArrayBuffer[]): void;
}

const scope = globalThis as unknown as Scope;
const waiting = new Map<
  number,
  { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }
>();
let nextId = 0;

const ask = <Value>(call: FileCall): Promise<Value> =>
  new Promise((resolve, reject) => {
    const id = nextId++;
    waiting.set(id, { resolve, reject });
    scope.postMessage({ id, ...call });
  });

const filesOfPage = (location: string): ModelFiles => ({
  location,
  size: (...args) => ask({ call: "size", args }),
  read: (...args) => ask({ call: "read", args }),
  readRange: (...args) => ask({ call: "readRange", args }),
});

async function convert({ location, dtype, device }: ConversionOrder): Promise<void> {
  const onProgress = (done: number, total: number): void => {
    scope.postMessage({ progress: [done, total] });
  };
  try {
    const made = await convertInMemory(filesOfPage(location), { dtype, device, onProgress });
    // The page gets the memory itself, not a copy.
    scope.postMessage(
      { made },
      [...made.values()].map(({ buffer }) => buffer as ArrayBuffer),
    );
  } catch (error) {
    scope.postMessage({ error: sentError(error) });
  }
}

scope.addEventListener("message", ({ data }) => {
  if ("order" in data) {
    void convert(data.order);
    return;
  }
  const call = waiting.get(data.id);
  waiting.delete(data.id);
  if ("error" in data) call?.reject(receivedError(data.error));
  else call?.resolve(data.value as never);
});
