/** config.json of GPT-NeoX (Pythia) and DynaMo checkpoints. */
import { DynamoError } from "@dynamo/core";
import { refuseOtherModels, ropeOf } from "./neox-config-keys.js";

/**
 * What a token head from the second on is built on: `stem` is the penultimate base layer's output (the paper's choice),
 * `last` the last base layer's, `previous` the output of the head before it (for head 2 that is the last base layer's).
 */
export type HeadInput = "stem" | "last" | "previous";
/** What a token head may be built on. */
export const headInputs: readonly HeadInput[] = ["stem", "last", "previous"];

/** What config.json says of a GPT-NeoX or DynaMo model. */
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
  /** Decoder layers of each head from the second on, 1 or 2. */
  readonly headLayers: number;
  /** What heads 2..N are built on. */
  readonly headInput: HeadInput;
  /** Whether heads 2..N have an output embedding each, instead of the base's. */
  readonly ownOutputEmbedding: boolean;
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
export const maxHeadLayers = 2;

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function fail(message: string): never {
  throw new DynamoError("invalid-file", `config.json: ${message}`);
}

function unsupported(message: string): never {
  throw new DynamoError("unsupported", `config.json: ${message}`);
}

/** A value for a message: never long, and never walked, because hostile nesting overflows the stack. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(showLeaf).join(", ")}${value.length > 8 ? ", ..." : ""}]`;
  return showLeaf(value);
}

function showLeaf(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[...]" : "{...}";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
}

function whole(json: Json, key: string, least: number, most: number, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    fail(`${key} must be a whole number from ${least} to ${most}, received ${show(value)}`);
  }
  return value;
}

function positive(value: unknown, key: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    fail(`${key} must be a number above 0, received ${show(value)}`);
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
  if (!Number.isInteger(headSize))
    fail(`hidden_size ${hiddenSize} is no multiple of num_attention_heads ${attentionHeads}`);
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
    tiedEmbeddings: flag(json, "tie_word_embeddings", false),
    attentionBias: flag(json, "attention_bias", true),
    beginOfTextId: tokenIds(json, "bos_token_id", vocabularySize)[0],
    eosTokenIds: tokenIds(json, "eos_token_id", vocabularySize),
    ...headsOf(json),
    raw: json,
  };
}

/** Only what computes a language model's logits is accepted: GPTNeoXForSequenceClassification has other outputs. */
const architecture = "GPTNeoXForCausalLM";

function checkArchitecture(json: Json): void {
  const { model_type: type, architectures } = json;
  if (type !== "gpt_neox") unsupported(`expected model_type "gpt_neox" (Pythia, DynaMo), received ${show(type)}`);
  if (Array.isArray(architectures) && architectures.length > 0 && !architectures.includes(architecture)) {
    unsupported(`expected architectures ["${architecture}"], received ${show(architectures)}`);
  }
  const activation = json["hidden_act"] ?? "gelu";
  if (activation !== "gelu") unsupported(`expected hidden_act "gelu", received ${show(activation)}`);
  if (!flag(json, "use_parallel_residual", true)) unsupported("use_parallel_residual is false, only true is supported");
  for (const key of ["rope_scaling", "rope_parameters"]) {
    const rope = json[key] ?? {};
    if (!isObject(rope)) fail(`${key} must be an object, received ${show(rope)}`);
    for (const name of ["rope_type", "type"]) {
      const kind = rope[name] ?? "default";
      if (kind !== "default") unsupported(`expected ${name} "default" in ${key}, received ${show(kind)}`);
    }
    const nested = Object.keys(rope).find((name) => isObject(rope[name]));
    if (nested !== undefined) unsupported(`expected one ${key} for all layers, received some of ${show(nested)}`);
  }
  refuseOtherModels(json);
}

function flag(json: Json, key: string, fallback: boolean): boolean {
  const value = json[key] ?? fallback;
  if (typeof value !== "boolean") fail(`${key} must be true or false, received ${show(value)}`);
  return value;
}

/** Newer files keep the base and the share in `rope_parameters`. */
function rotaryOf(json: Json, headSize: number): Pick<NeoxConfig, "rotaryBase" | "rotaryDimensions"> {
  const rope = ropeOf(json);
  const share = positive(rope.share, "rotary_pct");
  // Hugging Face cuts off the fraction too: int(head_size * rotary_pct).
  const rotaryDimensions = Math.floor(headSize * share);
  if (share > 1 || rotaryDimensions < 2 || rotaryDimensions % 2 !== 0) {
    fail(
      `rotary_pct ${share} of a head of ${headSize} gives ${rotaryDimensions} dimensions, expected an even number of at least 2`,
    );
  }
  return { rotaryDimensions, rotaryBase: positive(rope.theta, "rotary_emb_base") };
}

function tokenIds(json: Json, key: string, vocabularySize: number): number[] {
  const value = json[key];
  const ids: unknown[] = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
  if (
    ids.length > 64 ||
    !ids.every((id) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabularySize)
  ) {
    fail(`${key} must hold token ids below ${vocabularySize}, received ${show(value)}`);
  }
  return ids as number[];
}

type HeadsConfig = Pick<
  NeoxConfig,
  "tokenHeads" | "untrainedHeads" | "headLayers" | "headInput" | "ownOutputEmbedding"
>;

function headsOf(json: Json): HeadsConfig {
  const dynamo = json["dynamo"] ?? {};
  if (!isObject(dynamo)) fail(`dynamo must be an object, received ${show(dynamo)}`);
  const tokenHeads = whole(dynamo, "token_heads", 1, maxTokenHeads, 1);
  const untrained: unknown = dynamo["untrained_heads"] ?? [];
  const isHead = (value: unknown): boolean =>
    Number.isInteger(value) && Number(value) >= 2 && Number(value) <= tokenHeads;
  if (!Array.isArray(untrained) || !untrained.every(isHead)) {
    fail(`dynamo.untrained_heads must list heads from 2 to ${tokenHeads}, received ${show(untrained)}`);
  }
  const headInput = dynamo["head_input"] ?? "stem";
  if (!headInputs.includes(headInput as HeadInput))
    fail(`dynamo.head_input must be one of ${headInputs.join(", ")}, received ${show(headInput)}`);
  return {
    tokenHeads,
    untrainedHeads: [...new Set(untrained as number[])].sort((a, b) => a - b),
    headLayers: whole(dynamo, "head_layers", 1, maxHeadLayers, 1),
    headInput: headInput as HeadInput,
    ownOutputEmbedding: flag(dynamo, "own_output_embedding", false),
  };
}
