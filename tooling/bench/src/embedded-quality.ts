/**
 * The embedded models' perplexities on held-out TinyStories, and bits per byte on the bytes that the seed checkpoint was
 * measured on: each document up to its first 255 tokens of the seed's tokenizer.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadTokenizer } from "@dynamo/tokenizer";
import type { LoadedModel } from "@dynamo/model";
import type { BenchOptions, BenchResult } from "./bench.js";
import { baseModel, modelsWithHeads, scoreTokens, withModel } from "./embedded.js";
import { sharedFolder, SkippedBench } from "./shared-data.js";
import { round } from "./statistics.js";

const seedTokens = 255;
const mostHeads = 4;

export async function benchEmbeddedQuality({ quick, models }: BenchOptions): Promise<BenchResult> {
  const texts = await heldOutTexts(quick ? 8 : Infinity);
  const rows: BenchResult["rows"][number][] = [];
  const measured = models.size > 0 ? models : new Map([[baseModel.name, baseModel.folder], ...modelsWithHeads]);
  for (const [name, folder] of measured) rows.push(await withModel(folder, (model) => measure(name, model, texts)));
  return { name: "embedded-quality", rows };
}

async function measure(
  name: string,
  model: LoadedModel,
  texts: readonly string[],
): Promise<BenchResult["rows"][number]> {
  const sums = Array.from({ length: mostHeads }, () => ({ nats: 0, count: 0 }));
  let bytes = 0;
  const begin = model.info.beginOfTextId;
  for (const text of texts) {
    bytes += Buffer.byteLength(text);
    const tokens = [...(begin === undefined ? [] : [begin]), ...model.tokenizer.encode(text)];
    for (const [head, scores] of (await scoreTokens(model, tokens)).entries()) {
      const sum = sums[head] ?? { nats: 0, count: 0 };
      for (const score of scores) sum.nats -= score;
      sum.count += scores.length;
    }
  }
  const perplexity = ({ nats, count }: { nats: number; count: number }): number | string =>
    count === 0 ? "" : round(Math.exp(nats / count));
  return {
    model: name,
    documents: texts.length,
    bytes,
    ...Object.fromEntries(sums.map((sum, head) => [`PPL_${head + 1}`, perplexity(sum)])),
    "bits per byte": Number(((sums[0]?.nats ?? NaN) / Math.LN2 / bytes).toFixed(4)),
  };
}

async function heldOutTexts(most: number): Promise<string[]> {
  const shared = sharedFolder();
  const [corpus, seed] = [join(shared, "data/corpus/tinystories_valid.txt"), join(shared, "checkpoints/stories")];
  if (!existsSync(corpus) || !existsSync(seed))
    throw new SkippedBench(`the held-out text is not at ${shared} (set DYNAMO_SHARED)`);
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(seed, name), "utf8")) as unknown;
  const tokenizer = loadTokenizer({
    tokenizerJson: await json("tokenizer.json"),
    tokenizerConfig: await json("tokenizer_config.json"),
  });
  const documents = (await readFile(corpus, "utf8")).split("<|endoftext|>").map((text) => text.trim());
  return documents
    .filter((text) => text !== "")
    .slice(0, most)
    .map((text) => tokenizer.decode(tokenizer.encode(text).slice(0, seedTokens)));
}
