/** `dynamo tokenizer train`: text → a byte-level BPE in tokenizer.json form. */
import { mkdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { createBpeTrainer, tokenizerConfig } from "@dynamo/tokenizer/train";
import { documents, totalBytes } from "@dynamo/train/node";
import { startProgress } from "../progress.js";
import type { TokenizerOptions } from "../schemas/training.js";

export async function trainTokenizer(
  files: readonly string[],
  options: TokenizerOptions,
  signal: AbortSignal,
): Promise<void> {
  const path = join(options.out, "tokenizer.json");
  if (existsSync(path) && !options.overwrite)
    throw new DynamoError("invalid-argument", `${path} exists already: choose another folder, or --overwrite`);
  const trainer = createBpeTrainer({ vocabularySize: options.vocabulary, minFrequency: options.minFrequency });
  const total = await totalBytes(files);
  const progress = startProgress();
  try {
    for await (const { text, bytesRead } of documents(files)) {
      throwIfAborted(signal);
      trainer.add(text);
      progress.update(bytesRead, total, "reading");
    }
  } finally {
    progress.stop();
  }
  const json = trainer.finish({ signal });
  const { contextLength } = options;
  await mkdir(options.out, { recursive: true });
  await writeFile(path, `${JSON.stringify(json, undefined, 2)}\n`);
  const config = tokenizerConfig(contextLength === undefined ? {} : { contextLength });
  await writeFile(join(options.out, "tokenizer_config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
  const size = Object.keys(json.model.vocab).length;
  if (options.json) console.log(JSON.stringify({ path, vocabularySize: size, merges: json.model.merges.length }));
  else console.log(`${path}: ${size} tokens${size < options.vocabulary ? ` (no more pairs are frequent enough)` : ""}`);
}
