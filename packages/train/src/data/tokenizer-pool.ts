/** Tokenises on several threads. Each call goes to the worker with the least to do; answers belong to their calls. */
import { Worker } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import type { TokenizerFiles } from "@dynamo/tokenizer";

export interface ToTokenizeWorker {
  readonly id: number;
  readonly texts: readonly string[];
}

export type FromTokenizeWorker =
  ({ readonly id: number } & EncodedTexts) | { readonly id: number; readonly error: string };

export interface EncodedTexts {
  /** Tokens of each text. */
  readonly lengths: Uint32Array<ArrayBuffer>;
  /** The texts' tokens, one text after the other. */
  readonly tokens: Int32Array<ArrayBuffer>;
}

export interface TokenizerPool {
  /** Rejects `runtime` when the worker fails, ends or is closed. */
  encode(texts: readonly string[]): Promise<EncodedTexts>;
  /** Ends the workers at once, whatever they are doing. */
  close(): Promise<void>;
}

/** From sources (tests) the built worker is used: Node 20 loads no TypeScript. */
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/tokenize-worker.js" : "./tokenize-worker.js",
  import.meta.url,
);

export function createTokenizerPool(files: TokenizerFiles, size: number): TokenizerPool {
  const threads = Array.from({ length: size }, () => startThread(files));
  return {
    encode(texts) {
      const idle = threads.reduce((best, thread) => (thread.load() < best.load() ? thread : best));
      return idle.encode(texts);
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

interface Thread extends TokenizerPool {
  /** Calls without an answer. */
  load(): number;
}

interface Call {
  readonly resolve: (encoded: EncodedTexts) => void;
  readonly reject: (error: DynamoError) => void;
}

function startThread(files: TokenizerFiles): Thread {
  // No flags are inherited: test runners and debuggers pass some that would keep the built worker from loading.
  const worker = new Worker(workerUrl, { workerData: files, execArgv: [], name: "dynamo-tokenize" });
  const calls = new Map<number, Call>();
  let nextId = 0;
  let ended: DynamoError | undefined;
  const endWith = (error: DynamoError): void => {
    ended ??= error;
    for (const { reject } of calls.values()) reject(ended);
    calls.clear();
  };
  worker.on("error", (cause) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    endWith(new DynamoError("runtime", `a tokenizer worker failed: ${reason}`, { cause }));
  });
  worker.on("exit", (code) => {
    endWith(new DynamoError("runtime", `a tokenizer worker ended unexpectedly (exit code ${code})`));
  });
  worker.on("message", (message: FromTokenizeWorker) => {
    const call = calls.get(message.id);
    calls.delete(message.id);
    if ("error" in message) call?.reject(new DynamoError("runtime", `a text cannot be tokenised: ${message.error}`));
    else call?.resolve(message);
  });
  return {
    load: () => calls.size,
    encode: (texts) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) {
          reject(ended);
          return;
        }
        const id = nextId++;
        calls.set(id, { resolve, reject });
        worker.postMessage({ id, texts } satisfies ToTokenizeWorker);
      }),
    async close() {
      endWith(new DynamoError("runtime", "the tokenizer pool has been closed"));
      await worker.terminate();
    },
  };
}
