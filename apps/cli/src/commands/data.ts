/** `dynamo data prepare`: text files → token shards. */
import { existsSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { loadTokenizer } from "@dynamo/tokenizer";
import { prepareDataset, type DatasetSource, type DatasetSummary } from "@dynamo/train/node";
import { startProgress } from "../progress.js";
import { localFolder } from "../hub-place.js";
import { readJsonFile } from "../read-json.js";
import type { PrepareOptions } from "../schemas/training.js";

/** One source a file, named after it. */
export async function prepareData(
  files: readonly string[],
  options: PrepareOptions,
  signal: AbortSignal,
): Promise<void> {
  const sources = sourcesOf(files, options.weight);
  const { tokenizer, out, heldOut: heldOutFraction, workers, overwrite } = options;
  const summary = await prepareText({ sources, tokenizer, out, heldOutFraction, workers, overwrite }, signal);
  report(out, summary, options.json);
}

/** One source a file, with the weights of `name=w` options. */
export function sourcesOf(files: readonly string[], weightOptions: readonly string[] = []): DatasetSource[] {
  const weights = new Map(weightOptions.map(parseWeight));
  const sources = files.map((file) => ({ name: nameOf(file), files: [file], weight: weights.get(nameOf(file)) }));
  const unknown = [...weights.keys()].find((name) => !sources.some((source) => source.name === name));
  if (unknown === undefined) return sources;
  throw new DynamoError(
    "invalid-argument",
    `--weight ${unknown}: expected one of ${sources.map(({ name }) => name).join(", ")}`,
  );
}

const nameOf = (file: string): string =>
  basename(file, extname(file))
    .replace(/[^A-Za-z0-9_-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "") || "text";

function parseWeight(text: string): readonly [string, number] {
  const [, name, weight] = /^(.+)=([\d.]+)$/.exec(text) ?? [];
  if (name === undefined || !(Number(weight) > 0))
    throw new DynamoError("invalid-argument", `--weight: expected name=number, received ${text}`);
  return [name, Number(weight)];
}

export interface PrepareTextOptions {
  readonly sources: readonly DatasetSource[];
  /** A folder with tokenizer.json, or such a file. */
  readonly tokenizer: string;
  readonly out: string;
  readonly heldOutFraction?: number | undefined;
  readonly workers?: number | undefined;
  readonly overwrite?: boolean | undefined;
}

export async function prepareText(options: PrepareTextOptions, signal: AbortSignal): Promise<DatasetSummary> {
  const { sources, out, heldOutFraction, workers, overwrite } = options;
  const { tokenizerJson, tokenizerConfig } = await readTokenizer(options.tokenizer, signal);
  const endOfText = endOfTextOf(tokenizerJson, tokenizerConfig, options.tokenizer);
  const progress = startProgress();
  try {
    return await prepareDataset({
      sources,
      tokenizerJson,
      tokenizerConfig,
      endOfText,
      out,
      heldOutFraction,
      workers,
      overwrite,
      signal,
      onProgress: ({ bytes, totalBytes, documents, tokens }) =>
        progress.update(bytes, totalBytes, `${documents} documents, ${(tokens / 1e6).toFixed(1)} M tokens`),
    });
  } finally {
    progress.stop();
  }
}

/** A folder with tokenizer.json, such a file, or a model of the hub, of which only the texts are fetched. */
export async function readTokenizer(
  named: string,
  signal: AbortSignal,
): Promise<{ tokenizerJson: unknown; tokenizerConfig: unknown }> {
  const place = await localFolder(named, { as: "texts" }, signal);
  if (place.endsWith(".json")) return { tokenizerJson: await readJsonFile(place), tokenizerConfig: {} };
  const config = join(place, "tokenizer_config.json");
  return {
    tokenizerJson: await readJsonFile(join(place, "tokenizer.json")),
    tokenizerConfig: existsSync(config) ? await readJsonFile(config) : {},
  };
}

/** The token between documents: Pythia's and GPT-2's, or what the tokenizer's config calls the end. */
export function endOfTextOf(tokenizerJson: unknown, tokenizerConfig: unknown, place: string): number {
  const tokenizer = loadTokenizer({ tokenizerJson, tokenizerConfig });
  const { eos_token: end } = (tokenizerConfig ?? {}) as { eos_token?: string | { content?: string } };
  const named = typeof end === "string" ? end : end?.content;
  for (const token of [named, "<|endoftext|>"]) {
    const ids = token === undefined ? [] : tokenizer.encode(token);
    if (ids.length === 1) return ids[0] as number;
  }
  throw new DynamoError(
    "invalid-file",
    `${place}: expected an end-of-text token (eos_token, <|endoftext|>), found none`,
  );
}

function report(out: string, { sources }: DatasetSummary, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ out, sources }));
    return;
  }
  const million = (count: number): string => `${(count / 1e6).toFixed(2)} M`;
  for (const { name, train, "held-out": held } of sources) {
    const documents = `${train.documents + held.documents} documents`;
    console.log(`${name}: ${documents}, ${million(train.tokens)} tokens to train on, ${million(held.tokens)} held out`);
  }
  console.log(`dataset in ${out}  (use: dynamo train --dataset ${out} …)`);
}
