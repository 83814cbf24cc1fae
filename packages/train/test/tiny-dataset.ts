/** A dataset of made-up tokens, written without a tokenizer. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface TinySource {
  readonly name: string;
  readonly train: number;
  readonly heldOut: number;
  readonly weight?: number;
}

export const vocabularySize = 61;
const shardTokens = 700;

/** A vocabulary of two tokens: enough to be told from another one. */
export const tinyTokenizer = JSON.stringify({ model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] } });

/** Patterns that a model can learn, another one for each source; shards of 700 tokens. Returns dataset.json. */
export function writeTinyDataset(folder: string, sources: readonly TinySource[]): Record<string, unknown> {
  writeFileSync(join(folder, "tokenizer.json"), tinyTokenizer);
  const part = (name: string, split: string, count: number, step: number): object => {
    const shards: object[] = [];
    for (let from = 0; from < count; from += shardTokens) {
      const ids = Uint16Array.from({ length: Math.min(shardTokens, count - from) }, (_, i) => {
        const t = from + i;
        return (t * step + ((t >> 3) % 5) * 7) % vocabularySize;
      });
      const file = `${name}/${split}-${String(shards.length).padStart(5, "0")}.bin`;
      writeFileSync(join(folder, file), ids);
      const sha256 = createHash("sha256").update(new Uint8Array(ids.buffer)).digest("hex");
      shards.push({ file, tokens: ids.length, sha256 });
    }
    return { documents: 1, tokens: count, bytes: count, shards };
  };
  const manifest = {
    format: "dynamo-dataset",
    version: 1,
    tokenizer: { sha256: createHash("sha256").update(tinyTokenizer).digest("hex"), vocabularySize, endOfText: 0 },
    dtype: "uint16",
    heldOutFraction: 0.03,
    sources: sources.map(({ name, train, heldOut, weight }, i) => {
      mkdirSync(join(folder, name), { recursive: true });
      return {
        name,
        ...(weight === undefined ? {} : { weight }),
        train: part(name, "train", train, 2 * i + 3),
        "held-out": part(name, "held-out", heldOut, 2 * i + 3),
      };
    }),
  };
  writeFileSync(join(folder, "dataset.json"), JSON.stringify(manifest));
  return manifest;
}
