/** `dynamo count`: text → tokens → the model folder's co-occurrence mask. */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createNgramCounter, encodeMask, type CooccurrenceMask } from "@dynamo/cooccurrence";
import { DynamoError, sizeText, throwIfAborted } from "@dynamo/core";
import { loadPromptReader, maskPath } from "@dynamo/model";
import { documents, totalBytes } from "@dynamo/train/node";
import { localFolder } from "../hub-place.js";
import { startProgress } from "../progress.js";
import type { CountOptions } from "../schemas/models.js";

export async function count(files: readonly string[], given: CountOptions, signal: AbortSignal): Promise<void> {
  // Of a model of the hub, the folder that is kept here has the mask.
  const options = { ...given, model: await localFolder(given.model, { as: "model" }, signal) };
  const { chatTokenizer: tokenizer, info } = await loadPromptReader(options.model);
  if (tokenizer === undefined)
    throw new DynamoError("not-found", `${options.model}: expected tokenizer.json, found none`);
  const total = await totalBytes(files);
  const counter = createNgramCounter({ order: options.order, vocabularySize: info.vocabularySize });
  // A text's end is part of it: the mask must let a pass end the text after its last words, by any of the model's ends.
  const ends = options.endOfText ? info.endOfTextIds : [];
  const progress = startProgress();
  let documentCount = 0;
  try {
    for await (const { text, last, bytesRead } of documents(files)) {
      throwIfAborted(signal);
      counter.add(tokenizer.encode(text));
      if (last) {
        counter.endDocument(ends);
        documentCount++;
      }
      progress.update(bytesRead, total, `${documentCount} documents`);
    }
  } finally {
    progress.stop();
  }
  const mask = counter.finish({ minCount: options.minCount });
  const bytes = await writeMask(join(options.model, maskPath), mask);
  report(mask, bytes, documentCount, options);
}

/** Beside its place first, so that a full disk leaves the old mask. Returns the bytes written. */
async function writeMask(path: string, mask: CooccurrenceMask): Promise<number> {
  const temporary = `${path}.partial-${randomUUID()}`;
  let bytes = 0;
  try {
    const handle = await open(temporary, "wx");
    try {
      for (const part of encodeMask(mask)) {
        await handle.writeFile(part);
        bytes += part.length;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    return bytes;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function report(
  mask: CooccurrenceMask,
  bytes: number,
  documentCount: number,
  { model, order, minCount, json }: CountOptions,
): void {
  const orders = Array.from({ length: order }, (_, i) => i + 1);
  const facts = {
    path: join(model, maskPath),
    documents: documentCount,
    tokens: mask.total(1),
    minCount,
    stored: orders.map((n) => mask.stored(n)),
    totals: orders.map((n) => mask.total(n)),
    bytes,
    bytesPerNgram: bytes / Math.max(1, mask.stored(order)),
  };
  if (json) {
    console.log(JSON.stringify(facts));
    return;
  }
  console.log(`${facts.path}: ${sizeText(bytes)} from ${facts.tokens} tokens in ${documentCount} documents`);
  for (const n of orders.slice(1)) {
    console.log(
      `  order ${n}: ${mask.stored(n)} n-grams seen at least ${minCount} times, ${mask.total(n)} counted in all`,
    );
  }
  console.log(`  ${facts.bytesPerNgram.toFixed(2)} bytes per stored n-gram of order ${order}`);
}
