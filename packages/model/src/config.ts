/** config.json of GPT-NeoX (Pythia) and DynaMo checkpoints. */
import { DynamoError } from "@dynamo/core";

export interface NeoxConfig {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  /** Base layers, head 1's included. */
  readonly layers: number;
  readonly attentionHeads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  /** The first dimensions of each attention head that are rotated. */
  readonly rotaryDimensions: number;
  readonly rotaryBase: number;
  readonly layerNormEpsilon: number;
  readonly contextLength: number;
  readonly tiedEmbeddings: boolean;
  readonly attentionBias: boolean;
  readonly beginOfTextId: number | undefined;
  readonly eosTokenIds: readonly number[];
  /** N, 1 to 4. */
  readonly tokenHeads: number;
  readonly untrainedHeads: readonly number[];
  /** The file as it was, to be written back. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Far beyond any published model; they stop a hostile config before it asks for memory. */
const caps = {
  vocabularySize: 2 ** 20,
  hiddenSize: 2 ** 16,
  layers: 512,
  attentionHeads: 1024,
  intermediateSize: 2 ** 19,
  contextLength: 2 ** 20,
} as const;
export const maxTokenHeads = 4;

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

function fail(message: string): never {
  throw new DynamoError("invalid-file", `config.json: ${message}`);
}

function unsupported(message: string): never {
  throw new DynamoError("unsupported", `config.json: ${message}`);
}

function whole(json: Json, key: string, least: number, most: number, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    fail(`${key} must be a whole number from ${least} to ${most}, received ${JSON.stringify(value)?.slice(0, 100) ?? "nothing"}`);
  }
  return value;
}

function positive(value: unknown, key: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    fail(`${key} must be a number above 0, received ${JSON.stringify(value)?.slice(0, 100) ?? "nothing"}`);
  }
  return value;
}

/** Throws `unsupported` for another architecture or an unknown variant, `invalid-file` for values that cannot be. */
export function parseNeoxConfig(json: unknown): NeoxConfig {
  if (!isObject(json)) fail("expected an object");
  checkArchitecture(json);
  const vocabularySize = whole(json, "vocab_size", 1, caps.vocabularySize);
  const hiddenSize = whole(json, "hidden_size", 1, caps.hiddenSize);
  const attentionHeads = whole(json, "num_attention_heads", 1, caps.attentionHeads);
  const headSize = hiddenSize / attentionHeads;
  if (!Number.isInteger(headSize)) fail(`hidden_size ${hiddenSize} is no multiple of num_attention_heads ${attentionHeads}`);
  const contextLength = whole(json, "max_position_embeddings", 1, caps.contextLength);
  return {
    vocabularySize,
    hiddenSize,
    layers: whole(json, "num_hidden_layers", 1, caps.layers),
    attentionHeads,
    headSize,
    intermediateSize: whole(json, "intermediate_size", 1, caps.intermediateSize, 4 * hiddenSize),
    ...rotaryOf(json, headSize),
    layerNormEpsilon: positive(json["layer_norm_eps"] ?? 1e-5, "layer_norm_eps"),
    contextLength,
    tiedEmbeddings: json["tie_word_embeddings"] === true,
    attentionBias: json["attention_bias"] !== false,
    beginOfTextId: tokenIds(json, "bos_token_id", vocabularySize)[0],
    eosTokenIds: tokenIds(json, "eos_token_id", vocabularySize),
    ...headsOf(json),
    raw: json,
  };
}

function checkArchitecture(json: Json): void {
  if (json["model_type"] !== "gpt_neox") {
    unsupported(`expected model_type "gpt_neox" (Pythia, DynaMo), received ${JSON.stringify(json["model_type"])?.slice(0, 100) ?? "none"}`);
  }
  if ((json["hidden_act"] ?? "gelu") !== "gelu") unsupported(`expected hidden_act "gelu", received ${JSON.stringify(json["hidden_act"])}`);
  if (json["use_parallel_residual"] === false) unsupported("use_parallel_residual is false: only parallel residual layers are supported");
  const scaling = json["rope_scaling"];
  if (scaling !== undefined && scaling !== null) unsupported(`rope_scaling ${JSON.stringify(scaling).slice(0, 100)} is not supported`);
}

/** Newer files keep the base and the share in `rope_parameters`. */
function rotaryOf(json: Json, headSize: number): Pick<NeoxConfig, "rotaryBase" | "rotaryDimensions"> {
  const rope = isObject(json["rope_parameters"]) ? json["rope_parameters"] : {};
  const type = rope["rope_type"] ?? "default";
  if (type !== "default") unsupported(`rope_type ${JSON.stringify(type)} is not supported`);
  const share = positive(json["rotary_pct"] ?? rope["partial_rotary_factor"] ?? 0.25, "rotary_pct");
  const rotaryDimensions = Math.floor(headSize * share);
  if (share > 1 || rotaryDimensions < 2 || rotaryDimensions % 2 !== 0) {
    fail(`rotary_pct ${share} of a head of ${headSize} gives ${rotaryDimensions} dimensions, expected an even number of at least 2`);
  }
  return { rotaryDimensions, rotaryBase: positive(json["rotary_emb_base"] ?? json["rope_theta"] ?? rope["rope_theta"] ?? 10_000, "rotary_emb_base") };
}

function tokenIds(json: Json, key: string, vocabularySize: number): number[] {
  const value = json[key];
  const ids: unknown[] = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  if (ids.length > 64 || !ids.every((id) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabularySize)) {
    fail(`${key} must hold token ids below ${vocabularySize}, received ${JSON.stringify(value)?.slice(0, 100) ?? "nothing"}`);
  }
  return ids as number[];
}

function headsOf(json: Json): Pick<NeoxConfig, "tokenHeads" | "untrainedHeads"> {
  const dynamo = json["dynamo"] ?? {};
  if (!isObject(dynamo)) fail(`dynamo must be an object, received ${JSON.stringify(dynamo)?.slice(0, 100) ?? "nothing"}`);
  const tokenHeads = whole(dynamo, "token_heads", 1, maxTokenHeads, 1);
  const untrained: unknown = dynamo["untrained_heads"] ?? [];
  if (!Array.isArray(untrained) || !untrained.every((head) => Number.isInteger(head) && head >= 2 && head <= tokenHeads)) {
    fail(`dynamo.untrained_heads must list heads from 2 to ${tokenHeads}, received ${JSON.stringify(untrained)?.slice(0, 100) ?? "nothing"}`);
  }
  return { tokenHeads, untrainedHeads: untrained as number[] };
}
