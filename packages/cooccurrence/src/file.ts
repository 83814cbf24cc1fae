/** cooccurrence.safetensors: the trie as tensors that can be used where they lie, without copying. */
import { DynamoError, viewOf, type DType } from "@dynamo/core";
import { checkValue, hasMethods, isPlainObject, valueCheck } from "@dynamo/core/options";
import { encodeSafetensorsHeader, parseSafetensorsHeader, type SafetensorsHeader } from "@dynamo/core/safetensors";
import { maxOrder } from "./counter.js";
import { maskOver, type CooccurrenceMask } from "./mask.js";
import { large, type Level, type Trie } from "./trie.js";

export const formatVersion = "1";
/** 2^24 tokens: far beyond any tokenizer. */
const maxVocabulary = 2 ** 24;

interface Part {
  readonly name: string;
  readonly dtype: DType;
  readonly data: Uint32Array | Uint16Array;
}

/** Wide elements first, so that every tensor starts on a multiple of its element's size. */
function partsOf({ unigrams, levels }: Trie): Part[] {
  const wide: Part[] = [{ name: "counts.1", dtype: "uint32", data: unigrams }];
  const narrow: Part[] = [];
  for (const [i, level] of levels.entries()) {
    const n = i + 2;
    wide.push({ name: `starts.${n}`, dtype: "uint32", data: level.starts });
    wide.push({ name: `large_nodes.${n}`, dtype: "uint32", data: level.largeNodes });
    wide.push({ name: `large_counts.${n}`, dtype: "uint32", data: level.largeCounts });
    (level.ids instanceof Uint32Array ? wide : narrow).push({
      name: `ids.${n}`,
      dtype: level.ids instanceof Uint32Array ? "uint32" : "uint16",
      data: level.ids,
    });
    narrow.push({ name: `counts.${n}`, dtype: "uint16", data: level.counts });
  }
  return [...wide, ...narrow];
}

const maskCheck = valueCheck<CooccurrenceMask>(
  "a mask, as a counter's finish() or decodeMask() makes it",
  (value) => hasMethods(value, "match", "count") && isTrie((value as CooccurrenceMask).trie),
);

const isTrie = (trie: unknown): boolean =>
  isPlainObject(trie) &&
  (trie as Trie).unigrams instanceof Uint32Array &&
  Array.isArray((trie as Trie).levels) &&
  Array.isArray((trie as Trie).totals);

/** The file's pieces in order: write them one after the other. */
export function encodeMask(mask: CooccurrenceMask): Uint8Array[] {
  checkValue("mask", mask, maskCheck);
  const { trie } = mask;
  const parts = partsOf(trie);
  const header = encodeSafetensorsHeader(
    parts.map(({ name, dtype, data }) => ({ name, dtype, shape: [data.length] })),
    {
      format: "dynamo-cooccurrence",
      version: formatVersion,
      order: String(trie.levels.length + 1),
      vocabulary_size: String(trie.vocabularySize),
      totals: trie.totals.join(","),
      min_count: String(trie.minCount),
    },
  );
  return [header, ...parts.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
}

function fail(message: string): never {
  throw new DynamoError("invalid-file", `co-occurrence mask: ${message}`);
}

const bytesCheck = valueCheck<Uint8Array>("a file's bytes, a Uint8Array", (value) => value instanceof Uint8Array);

/**
 * A mask over a file's bytes, which must not change afterwards; they are copied only when they lie at an odd address.
 * Throws `invalid-file` for anything that is not a well-formed trie.
 */
export function decodeMask(file: Uint8Array): CooccurrenceMask {
  checkValue("file", file, bytesCheck);
  const bytes = file.byteOffset % 8 === 0 ? file : file.slice();
  const header = parseSafetensorsHeader(bytes, bytes.length);
  const { order, vocabularySize, totals, minCount } = readMetadata(header.metadata);
  const words = (name: string): Uint32Array => tensorOf(bytes, header, name, "uint32") as Uint32Array;
  const unigrams = words("counts.1");
  if (unigrams.length !== vocabularySize)
    fail(`counts.1 has ${unigrams.length} tokens, the vocabulary ${vocabularySize}`);
  const levels: Level[] = [];
  let parents = vocabularySize;
  for (let n = 2; n <= order; n++) {
    const level: Level = {
      ids: tensorOf(bytes, header, `ids.${n}`, vocabularySize <= 65_536 ? "uint16" : "uint32"),
      counts: tensorOf(bytes, header, `counts.${n}`, "uint16") as Uint16Array,
      starts: words(`starts.${n}`),
      largeNodes: words(`large_nodes.${n}`),
      largeCounts: words(`large_counts.${n}`),
    };
    checkLevel(level, n, parents, unigrams);
    levels.push(level);
    parents = level.ids.length;
  }
  return maskOver({ vocabularySize, unigrams, levels, totals, minCount });
}

function readMetadata(metadata: Readonly<Record<string, string>>): {
  order: number;
  vocabularySize: number;
  totals: number[];
  minCount: number;
} {
  if (metadata["format"] !== "dynamo-cooccurrence")
    fail(`expected format "dynamo-cooccurrence", received ${metadata["format"]?.slice(0, 50) ?? "none"}`);
  if (metadata["version"] !== formatVersion)
    fail(`expected version ${formatVersion}, received ${metadata["version"] ?? "none"}`);
  const whole = (text: string | undefined, what: string, least: number, most: number): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least || value > most)
      fail(`${what}: expected a whole number from ${least} to ${most}, received ${text?.slice(0, 50) ?? "none"}`);
    return value;
  };
  const order = whole(metadata["order"], "order", 1, maxOrder);
  const totals = (metadata["totals"] ?? "").split(",").map((text) => whole(text, "totals", 0, Number.MAX_SAFE_INTEGER));
  if (totals.length !== order) fail(`expected ${order} totals, received ${totals.length}`);
  return {
    order,
    totals,
    vocabularySize: whole(metadata["vocabulary_size"], "vocabulary_size", 1, maxVocabulary),
    minCount: whole(metadata["min_count"], "min_count", 1, Number.MAX_SAFE_INTEGER),
  };
}

function tensorOf(
  bytes: Uint8Array,
  header: SafetensorsHeader,
  name: string,
  dtype: "uint16" | "uint32",
): Uint16Array | Uint32Array {
  const entry = header.tensors.get(name);
  if (entry === undefined) fail(`tensor ${name} is missing`);
  if (entry.dtype !== dtype || entry.shape.length !== 1)
    fail(`${name} should be ${dtype} [n], received ${entry.dtype} [${entry.shape.join(", ")}]`);
  const at = bytes.byteOffset + entry.byteOffset;
  const length = entry.shape[0] ?? 0;
  // A foreign writer may have packed the tensors without padding.
  const start = at % (dtype === "uint16" ? 2 : 4);
  const aligned =
    start === 0
      ? { buffer: bytes.buffer, at }
      : { buffer: bytes.slice(entry.byteOffset, entry.byteOffset + entry.byteLength).buffer, at: 0 };
  return viewOf(dtype, aligned.buffer, aligned.at, length);
}

/** Pointers in range and rising, ids rising under each parent, and no n-gram of a token that was never seen. */
function checkLevel(
  { ids, counts, starts, largeNodes, largeCounts }: Level,
  n: number,
  parents: number,
  unigrams: Uint32Array,
): void {
  if (counts.length !== ids.length) fail(`level ${n} has ${ids.length} ids and ${counts.length} counts`);
  if (starts.length !== parents + 1 || starts[0] !== 0 || starts[parents] !== ids.length) {
    fail(`starts.${n} should run from 0 to ${ids.length} over ${parents} parents`);
  }
  let expectedLarge = 0;
  for (let parent = 0; parent < parents; parent++) {
    const from = starts[parent] as number;
    const to = starts[parent + 1] as number;
    if (to < from || to > ids.length) fail(`starts.${n} does not rise at ${parent}`);
    for (let node = from; node < to; node++) {
      const id = ids[node] as number;
      if (node > from && id <= (ids[node - 1] as number)) fail(`ids.${n} do not rise under parent ${parent}`);
      if (id >= unigrams.length || unigrams[id] === 0) fail(`ids.${n}[${node}] is ${id}, a token that was never seen`);
      if (counts[node] === 0) fail(`counts.${n}[${node}] is 0`);
      if (counts[node] === large && largeNodes[expectedLarge++] !== node)
        fail(`large_nodes.${n} does not list node ${node}`);
    }
  }
  if (largeNodes.length !== expectedLarge || largeCounts.length !== expectedLarge)
    fail(`level ${n} should have ${expectedLarge} large counts`);
  if (largeCounts.some((count) => count < large)) fail(`large_counts.${n} holds a count below ${large}`);
}
