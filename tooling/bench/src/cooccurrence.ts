/** Counting speed and size of the co-occurrence mask, against counting in a JavaScript Map and the paper's 16 bytes. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createNgramCounter, decodeMask, encodeMask, type CooccurrenceMask } from "@dynamo/cooccurrence";
import { createRandom } from "@dynamo/decode";
import { modelPath } from "@dynamo/stories";
import type { BenchOptions, BenchResult } from "./bench.js";
import { median, round } from "./statistics.js";

/** The paper's sparse coordinates: three 4-byte indices and a 4-byte weight a trigram. */
const paperBytes = 16;

export async function benchCooccurrence({ quick }: BenchOptions): Promise<BenchResult> {
  const mask = decodeMask(new Uint8Array(await readFile(join(modelPath, "cooccurrence.safetensors"))));
  const walk = walkOf(mask, quick ? 200_000 : 6_000_000);
  const streams = [
    { name: "stories' tokens", vocabularySize: mask.vocabularySize, tokens: walk.subarray(0, walk.length / 2) },
    { name: "pairs of them, nearly all distinct", vocabularySize: 50_304, tokens: pairsOf(walk, 50_304) },
  ];
  const rows = streams.map(({ name, vocabularySize, tokens }) => {
    const runs = quick ? 1 : 5;
    const ours = Array.from({ length: runs }, () => seconds(() => count(tokens, vocabularySize)));
    const maps = Array.from({ length: quick ? 1 : 2 }, () => seconds(() => countInMaps(tokens)));
    const counted = count(tokens, vocabularySize);
    const bytes = encodeMask(counted).reduce((sum, { length }) => sum + length, 0);
    return {
      stream: name,
      vocabulary: vocabularySize,
      tokens: tokens.length,
      "M tokens/s, order 3": round(tokens.length / median(ours) / 1e6),
      "× Maps": round(median(maps) / median(ours)),
      trigrams: counted.stored(3),
      "bytes a trigram": round(bytes / counted.stored(3)),
      "÷ the paper's": round(bytes / counted.stored(3) / paperBytes),
    };
  });
  return { name: "cooccurrence", rows };
}

function seconds(run: () => unknown): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

/** A random walk over the embedded model's bigrams, with their counts: text's frequencies without a text. */
function walkOf({ trie }: CooccurrenceMask, length: number): Int32Array {
  const random = createRandom(1);
  const tokens = new Int32Array(length);
  const bigrams = trie.levels[0];
  if (bigrams === undefined) return tokens;
  const { ids, counts, starts } = bigrams;
  let token = 0;
  for (let i = 0; i < length; i++) {
    const [from, to] = [starts[token] ?? 0, starts[token + 1] ?? 0];
    let total = 0;
    for (let node = from; node < to; node++) total += counts[node] ?? 0;
    let left = random() * total;
    let next = from;
    while (next < to - 1 && (left -= counts[next] ?? 0) > 0) next++;
    // Nothing follows the end of a text: another one begins somewhere.
    token = total === 0 ? Math.floor(random() * trie.vocabularySize) : (ids[next] ?? 0);
    tokens[i] = token;
  }
  return tokens;
}

/** Every two tokens as one of a larger vocabulary. */
function pairsOf(tokens: Int32Array, vocabularySize: number): Int32Array {
  return Int32Array.from(
    { length: tokens.length / 2 },
    (_, i) => ((tokens[2 * i] ?? 0) * 2048 + (tokens[2 * i + 1] ?? 0)) % vocabularySize,
  );
}

function count(tokens: Int32Array, vocabularySize: number): CooccurrenceMask {
  const counter = createNgramCounter({ order: 3, vocabularySize });
  for (let start = 0; start < tokens.length; start += 300) {
    counter.add(tokens.subarray(start, start + 300));
    counter.endDocument();
  }
  return counter.finish();
}

/** Orders 1 to 3 in one Map each, keyed by a number: what one would write first. */
function countInMaps(tokens: Int32Array): Map<number, number>[] {
  const maps = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];
  const size = 65_536;
  for (let i = 0; i < tokens.length; i++) {
    let key = 0;
    for (const [n, map] of maps.entries()) {
      if (i < n) break;
      key += (tokens[i - n] ?? 0) * size ** n;
      map.set(key, (map.get(key) ?? 0) + 1);
    }
  }
  return maps;
}
