/** The worker that prepares a model for a page: one order, then the page ends it. */
import type { ModelFiles } from "@dynamo/core";
import type { HubProgress } from "@dynamo/hub";
import { prepare } from "./prepare.js";
import {
  receivedError,
  sentError,
  type FileCall,
  type FromWorker,
  type Order,
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

async function serve({ source, conversion }: Order): Promise<void> {
  const onProgress = (progress: HubProgress): void => {
    scope.postMessage({ progress });
  };
  try {
    const files = "hub" in source ? source.hub : filesOfPage(source.location);
    const made = await prepare(files, conversion, { onProgress, signal: undefined });
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
    void serve(data.order);
    return;
  }
  const call = waiting.get(data.id);
  waiting.delete(data.id);
  if ("error" in data) call?.reject(receivedError(data.error));
  else call?.resolve(data.value as never);
});
