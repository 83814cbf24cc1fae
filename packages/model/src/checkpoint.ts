/** Reads a checkpoint in Hugging Face form: config.json and safetensors, in one file or in shards. Trusts nothing. */
import { DynamoError, elementCount, fromBfloat16, fromFloat16, viewOf, type DType } from "@dynamo/core";
import { headerByteLength, parseSafetensorsHeader, type SafetensorsEntry } from "@dynamo/core/safetensors";
import { parseNeoxConfig, type NeoxConfig } from "./config.js";
import { readJson, type ModelFiles } from "./files.js";
import { limits } from "./model-folder.js";
import { baseShapes, headPrefix, headShapes, type Shapes } from "./tensor-names.js";

export interface Checkpoint {
  readonly config: NeoxConfig;
  readonly files: ModelFiles;
  /** Heads from 2 on whose tensors are there. */
  readonly trainedHeads: readonly number[];
  has(name: string): boolean;
  /** One tensor as float32, read from the file at each call. Throws `invalid-file` for NaN and infinite weights. */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

interface Placed extends SafetensorsEntry {
  readonly file: string;
}

/** The largest published index has some thousand shards' worth of names less than this. */
const maxShards = 4096;
/** More disagreements than these are counted, not listed. */
const listedProblems = 10;

/** Throws `not-found` for missing files, `invalid-file` when files are damaged or disagree with each other or the config. */
export async function openCheckpoint(files: ModelFiles): Promise<Checkpoint> {
  const config = parseNeoxConfig(await readJson(files, "config.json", limits.json));
  const entries = new Map<string, Placed>();
  for (const file of await weightFiles(files)) {
    for (const [name, entry] of await readHeader(files, file)) {
      if (entries.has(name)) throw new DynamoError("invalid-file", `${files.location}: tensor ${name} stands in two files`);
      entries.set(name, { ...entry, file });
    }
  }
  // Some exports of the base model leave the prefix out.
  const stored = (wanted: string): string => {
    const name = config.tiedEmbeddings && wanted === "embed_out.weight" ? "gpt_neox.embed_in.weight" : wanted;
    return entries.has(name) ? name : name.replace(/^gpt_neox\./, "");
  };
  const heads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => i + 2);
  const trainedHeads = heads.filter((head) => [...entries.keys()].some((name) => name.startsWith(`${headPrefix(head)}.`)));
  const expected = new Map([...baseShapes(config), ...trainedHeads.flatMap((head) => [...headShapes(config, head)])]);
  checkTensors(files, entries, expected, stored);
  return {
    config,
    files,
    trainedHeads,
    has: (name) => entries.has(stored(name)),
    async read(name) {
      const entry = entries.get(stored(name));
      if (entry === undefined && !config.attentionBias && name.endsWith(".bias")) return absentBias(name, config);
      if (entry === undefined) throw new DynamoError("not-found", `${files.location}: no tensor ${name}`);
      const bytes = await files.readRange(entry.file, entry.byteOffset, entry.byteLength);
      return finite(toFloats(bytes, entry.dtype, name), name, files.location);
    },
    close: () => files.close?.() ?? Promise.resolve(),
  };
}

/** A tokenizer may be smaller than the model's (padded) vocabulary, never larger. */
export function checkTokenizerFits(vocabularySize: number, config: NeoxConfig): void {
  if (vocabularySize > config.vocabularySize) {
    throw new DynamoError("invalid-file", `the tokenizer has ${vocabularySize} tokens, config.json allows vocab_size ${config.vocabularySize}`);
  }
}

async function weightFiles(files: ModelFiles): Promise<string[]> {
  if ((await files.size("model.safetensors")) !== undefined) return ["model.safetensors"];
  const index = "model.safetensors.index.json";
  if ((await files.size(index)) === undefined) {
    throw new DynamoError("not-found", `${files.location} has neither model.safetensors nor ${index}`);
  }
  const json = (await readJson(files, index, limits.json)) as { weight_map?: unknown } | null;
  const map = json?.weight_map;
  if (typeof map !== "object" || map === null || !Object.values(map).every((file) => typeof file === "string")) {
    throw new DynamoError("invalid-file", `${files.location}: ${index} has no weight_map from tensors to files`);
  }
  const shards = [...new Set(Object.values(map as Record<string, string>))];
  if (shards.length > maxShards) throw new DynamoError("invalid-file", `${index}: at most ${maxShards} shards, received ${shards.length}`);
  return shards;
}

async function readHeader(files: ModelFiles, file: string): Promise<ReadonlyMap<string, SafetensorsEntry>> {
  const bytes = await files.size(file);
  if (bytes === undefined) throw new DynamoError("not-found", `${files.location}: shard ${file} is missing`);
  try {
    const length = headerByteLength(await files.readRange(file, 0, Math.min(8, bytes)), bytes);
    return parseSafetensorsHeader(await files.readRange(file, 0, 8 + length), bytes).tensors;
  } catch (cause) {
    if (DynamoError.is(cause)) throw new DynamoError(cause.code, `${files.location}/${file}: ${cause.message}`, { cause });
    throw cause;
  }
}

function checkTensors(files: ModelFiles, entries: ReadonlyMap<string, Placed>, expected: Shapes, stored: (name: string) => string): void {
  const problems: string[] = [];
  for (const [name, shape] of expected) {
    const entry = entries.get(stored(name));
    if (entry === undefined) problems.push(`${name} is missing`);
    else if (entry.shape.join() !== shape.join()) problems.push(`${name} has shape [${entry.shape.join(", ")}], expected [${shape.join(", ")}]`);
    else if (!["float32", "float16", "bfloat16"].includes(entry.dtype)) problems.push(`${name} is ${entry.dtype}, expected F32, F16 or BF16`);
  }
  if (problems.length === 0) return;
  const rest = problems.length > listedProblems ? `; and ${problems.length - listedProblems} more` : "";
  throw new DynamoError("invalid-file", `${files.location}: the tensors disagree with config.json: ${problems.slice(0, listedProblems).join("; ")}${rest}`);
}

function absentBias(name: string, config: NeoxConfig): Float32Array {
  return new Float32Array(name.includes("query_key_value") ? 3 * config.hiddenSize : config.hiddenSize);
}

function toFloats(bytes: Uint8Array, dtype: DType, name: string): Float32Array {
  if (dtype === "float32") return viewOf("float32", bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const convert = dtype === "float16" ? fromFloat16 : dtype === "bfloat16" ? fromBfloat16 : undefined;
  if (convert === undefined) throw new DynamoError("invalid-file", `${name} is ${dtype}, expected F32, F16 or BF16`);
  const halves = viewOf("uint16", bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const floats = new Float32Array(elementCount([halves.length]));
  for (let i = 0; i < halves.length; i++) floats[i] = convert(halves[i] as number);
  return floats;
}

function finite(values: Float32Array, name: string, location: string): Float32Array {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw new DynamoError("invalid-file", `${location}: ${name}[${i}] is ${values[i]}, expected a finite weight`);
  }
  return values;
}
