/** Checks before a run begins: that its data, its tokenizer and its model fit each other. Nothing has been written yet. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import type { ModelConfig } from "@dynamo/model";
import type { Batches, BatchOptions, DataPosition, Dataset } from "../../data/index.js";
import { rowLength } from "../../batch.js";
import type { TrainingConfig } from "./training-config.js";

/** Throws `invalid-argument` when the dataset's tokenizer is not the model's: too large, or with other tokens. */
export async function checkTokenizer(dataset: Dataset, config: ModelConfig, modelTexts: string): Promise<void> {
  const refusal = `the tokenizer of ${dataset.folder} does not fit the model`;
  if (dataset.vocabularySize > config.vocabularySize) {
    const sizes = `expected at most ${config.vocabularySize} tokens, received ${dataset.vocabularySize}`;
    throw new DynamoError("invalid-argument", `${refusal}: ${sizes}`);
  }
  const [own, received] = [await tokensOf(modelTexts), await tokensOf(dataset.folder)];
  for (const [id, token] of received) {
    const expected = own.get(id) ?? token;
    if (expected !== token) {
      const tokens = `expected ${JSON.stringify(expected)} as token ${id}, received ${JSON.stringify(token)}`;
      throw new DynamoError("invalid-argument", `${refusal}: ${tokens}`);
    }
  }
}

interface TokenizerJson {
  readonly model?: { readonly vocab?: Readonly<Record<string, number>> };
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
}

/** Tokens by id; none without a tokenizer.json, or for models of another form than a vocabulary of texts. */
async function tokensOf(folder: string): Promise<Map<number, string>> {
  const text = await readFile(join(folder, "tokenizer.json"), "utf8").catch(() => undefined);
  if (text === undefined) return new Map();
  let json: TokenizerJson;
  try {
    json = JSON.parse(text) as TokenizerJson;
  } catch (cause) {
    throw new DynamoError("invalid-file", `${join(folder, "tokenizer.json")} is not JSON`, { cause });
  }
  const tokens = new Map(Object.entries(json.model?.vocab ?? {}).map(([token, id]) => [id, token]));
  for (const { id, content } of json.added_tokens ?? []) tokens.set(id, content);
  return tokens;
}

/** What a position in the data belongs to: the same text, tokenizer and order of sources. */
export function datasetFingerprint({ manifest }: Dataset): string {
  return createHash("sha256").update(JSON.stringify(manifest)).digest("hex");
}

export function trainingBatches(dataset: Dataset, config: TrainingConfig, position?: DataPosition): Batches {
  return dataset.batches({ ...batchOptions(config), split: "train", ...(position === undefined ? {} : { position }) });
}

/** The same held-out batches each time. */
export function heldOutBatches(dataset: Dataset, config: TrainingConfig): Batches {
  return dataset.batches({ ...batchOptions(config), split: "held-out" });
}

const batchOptions = (config: TrainingConfig): Omit<BatchOptions, "split"> => ({
  batchSize: config.batch,
  sequenceLength: rowLength(config),
  seed: config.seed,
});

/**
 * Throws `invalid-argument` when the text is smaller than a batch. Returns why there can be no evaluation when only the
 * held-out text is: a small corpus can be trained on all the same.
 */
export async function checkData(dataset: Dataset, config: TrainingConfig): Promise<string | undefined> {
  await trainingBatches(dataset, config).close();
  try {
    await heldOutBatches(dataset, config).close();
    return undefined;
  } catch (error) {
    if (!DynamoError.is(error)) throw error;
    return `no evaluation: ${error.message}`;
  }
}
