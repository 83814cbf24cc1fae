/** A worker of the tokenizer pool: texts in, their tokens out, in order. */
import { parentPort, workerData } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import { loadTokenizer, type TokenizerFiles } from "@dynamo/tokenizer";
import type { FromTokenizeWorker, ToTokenizeWorker } from "./tokenizer-pool.js";

const port = parentPort;
if (port === null) throw new DynamoError("invalid-argument", "this module runs in a worker only");
const tokenizer = loadTokenizer(workerData as TokenizerFiles);

port.on("message", ({ id, texts }: ToTokenizeWorker) => {
  try {
    const encoded = texts.map((text) => tokenizer.encode(text));
    const lengths = Uint32Array.from(encoded, ({ length }) => length);
    const tokens = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const ids of encoded) {
      tokens.set(ids, at);
      at += ids.length;
    }
    port.postMessage({ id, lengths, tokens } satisfies FromTokenizeWorker, [tokens.buffer, lengths.buffer]);
  } catch (error) {
    port.postMessage({
      id,
      error: error instanceof Error ? error.message : String(error),
    } satisfies FromTokenizeWorker);
  }
});
