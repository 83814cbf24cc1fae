/** config.json of a base model or a DynaMo model, of any family. */
import { DynamoError } from "@dynamo/core";
import { keyWarnings, type KeyRule, type KeyRules } from "../checkpoint/config-keys.js";
import { lastAttending, type Architecture } from "./architecture.js";
import { maxConditionalSize, type ConditionalSizes } from "./conditional.js";
import { commonKeys, refuseOtherModels } from "./common-keys.js";
import { families, refusedFamilies } from "./families.js";
import type { Family } from "./family.js";
import type { HeadKind, HeadKindName } from "./heads/head-kind.js";
import { headKinds } from "./heads/kinds.js";
import { isObject, jsonReader, show, type Json, type JsonReader } from "./json-reader.js";

/**
 * What a token head from the second on is built on: `stem` is the penultimate base layer's output (the paper's choice),
 * `last` the last base layer's, `previous` the output of the head before it (for head 2 that is the last base layer's).
 */
export type HeadInput = "stem" | "last" | "previous";
/** What a token head may be built on. */
export const headInputs: readonly HeadInput[] = ["stem", "last", "previous"];

/** What config.json says of a model's size, its texts' ends and its token heads; `architectureOf` knows its mathematics. */
export interface ModelConfig {
  /** config.json's `model_type`. */
  readonly modelType: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  /** Base layers, head 1's included. */
  readonly layers: number;
  /** Of the last base layer that attends. */
  readonly attentionHeads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly intermediateSize: number;
  readonly contextLength: number;
  readonly tiedEmbeddings: boolean;
  readonly beginOfTextId: number | undefined;
  readonly eosTokenIds: readonly number[];
  /** N, 1 to 4. */
  readonly tokenHeads: number;
  readonly untrainedHeads: readonly number[];
  /** What heads 2..N are made of. */
  readonly headKind: HeadKindName;
  /** Layers of each head from the second on: decoder layers, 1 or 2, or Medusa blocks. */
  readonly headLayers: number;
  /** What heads 2..N are built on; `last` for Medusa heads, which read it behind the final norm. */
  readonly headInput: HeadInput;
  /** Whether heads 2..N have an output embedding each, instead of the base's. */
  readonly ownOutputEmbedding: boolean;
  /** What heads 2..N learn of the tokens between; undefined for heads that do not know them. */
  readonly conditional: ConditionalSizes | undefined;
  /** The file as it was, to be written back. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export const maxTokenHeads = 4;

interface Read {
  readonly family: Family;
  readonly architecture: Architecture;
  readonly reader: JsonReader;
}

/** A config.json is read once, however often it is asked about. */
const known = new WeakMap<Json, Read>();

function readArchitecture(json: Json): Read {
  const before = known.get(json);
  if (before !== undefined) return before;
  const reader = jsonReader(json);
  const family = familyOf(json, reader);
  refuseOtherModels(reader);
  const read = { family, architecture: family.read(reader), reader };
  known.set(json, read);
  return read;
}

function familyOf({ model_type: type, architectures }: Json, json: JsonReader): Family {
  const family = families.find(({ modelType }) => modelType === type);
  const types = families.map(({ modelType }) => JSON.stringify(modelType)).join(", ");
  if (family === undefined) {
    const reason = refusedFamilies.has(type) ? `: ${refusedFamilies.get(type)}` : "";
    return json.unsupported(`expected model_type ${types}, received ${show(type)}${reason}`);
  }
  if (Array.isArray(architectures) && architectures.length > 0 && !architectures.includes(family.className))
    json.unsupported(`expected architectures ["${family.className}"], received ${show(architectures)}`);
  return family;
}

/** The mathematics of a config's base model. */
export const architectureOf = (config: ModelConfig): Architecture => readArchitecture(rawOf(config)).architecture;

/** What the token heads of a config are made of. */
export function headKindOf(config: ModelConfig): HeadKind {
  rawOf(config);
  if (Object.hasOwn(headKinds, config.headKind)) return headKinds[config.headKind];
  const names = Object.keys(headKinds).join(", ");
  throw new DynamoError("invalid-argument", `headKind: expected one of ${names}, received ${show(config.headKind)}`);
}

/** The name of a config's family, for people. */
export const familyName = (config: ModelConfig): string => readArchitecture(rawOf(config)).family.name;

/** Callers in plain JavaScript hand over anything. */
function rawOf(config: unknown): Json {
  if (isObject(config) && isObject(config["raw"])) return config["raw"];
  throw new DynamoError(
    "invalid-argument",
    `config: expected a config, as parseConfig() gives it, received ${show(config)}`,
  );
}

/** Throws `unsupported` for another architecture or an unknown variant, `invalid-file` for values that cannot be. */
export function parseConfig(json: unknown): ModelConfig {
  if (!isObject(json)) throw new DynamoError("invalid-file", "config.json: expected an object");
  const { family, architecture, reader } = readArchitecture(json);
  const { vocabularySize, hiddenSize, intermediateSize, contextLength, tiedEmbeddings, layers } = architecture;
  const { heads, keyValueHeads, headSize } = lastAttending(architecture).attention;
  return {
    modelType: family.modelType,
    vocabularySize,
    hiddenSize,
    layers: layers.length,
    attentionHeads: heads,
    keyValueHeads,
    headSize,
    intermediateSize,
    contextLength,
    tiedEmbeddings,
    beginOfTextId: tokenIds(reader, "bos_token_id", vocabularySize)[0],
    eosTokenIds: tokenIds(reader, "eos_token_id", vocabularySize),
    ...headsOf(reader, architecture),
    raw: json,
  };
}

function tokenIds(json: JsonReader, key: string, vocabularySize: number): number[] {
  const value = json.any(key);
  const ids: unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value];
  const isToken = (id: unknown): boolean => Number.isInteger(id) && Number(id) >= 0 && Number(id) < vocabularySize;
  if (ids.length > 64 || !ids.every(isToken))
    json.fail(`${key} must hold token ids below ${vocabularySize}, received ${show(value)}`);
  return ids as number[];
}

type HeadsConfig = Pick<
  ModelConfig,
  "tokenHeads" | "untrainedHeads" | "headKind" | "headLayers" | "headInput" | "ownOutputEmbedding" | "conditional"
>;

function headsOf(json: JsonReader, { logitCap }: Architecture): HeadsConfig {
  const dynamo = json.child("dynamo");
  const tokenHeads = dynamo.whole("token_heads", 1, maxTokenHeads, 1);
  const untrained = dynamo.any("untrained_heads") ?? [];
  const isHead = (value: unknown): boolean =>
    Number.isInteger(value) && Number(value) >= 2 && Number(value) <= tokenHeads;
  if (!Array.isArray(untrained) || !untrained.every(isHead))
    json.fail(`dynamo.untrained_heads must list heads from 2 to ${tokenHeads}, received ${show(untrained)}`);
  const kinds = new Map(Object.values(headKinds).map((each) => [each.name, each]));
  const kind = dynamo.oneOf("head_kind", kinds, "decoder");
  const headInput = dynamo.any("head_input") ?? (kind.input === "layer" ? "stem" : "last");
  if (kind.input !== "layer" && headInput !== "last")
    json.fail(`dynamo.head_input of ${kind.name} heads must be last, received ${show(headInput)}`);
  if (!headInputs.includes(headInput as HeadInput))
    json.fail(`dynamo.head_input must be one of ${headInputs.join(", ")}, received ${show(headInput)}`);
  const ownOutputEmbedding = dynamo.flag("own_output_embedding", false);
  if (kind.input === "pairs" && ownOutputEmbedding)
    json.fail(`dynamo.own_output_embedding of ${kind.name} heads must be false, received true`);
  return {
    tokenHeads,
    untrainedHeads: [...new Set(untrained as number[])].sort((a, b) => a - b),
    headKind: kind.name,
    headLayers: dynamo.whole("head_layers", 1, kind.maxLayers, 1),
    headInput: headInput as HeadInput,
    ownOutputEmbedding,
    conditional: conditionalOf(dynamo, { kind, ownOutputEmbedding, logitCap }),
  };
}

interface AroundConditional {
  readonly kind: HeadKind;
  readonly ownOutputEmbedding: boolean;
  readonly logitCap: number | undefined;
}

function conditionalOf(
  dynamo: JsonReader,
  { kind, ownOutputEmbedding, logitCap }: AroundConditional,
): ConditionalSizes | undefined {
  const json = dynamo.child("conditional");
  const [pairs, between] = [
    json.whole("pairs", 0, maxConditionalSize, 0),
    json.whole("between", 0, maxConditionalSize, 0),
  ];
  if (pairs + between === 0) return undefined;
  const refuse = (what: string): never => json.unsupported(`dynamo.conditional: ${what}`);
  const why = kind.input === "pairs" ? ", which know the tokens between already" : "";
  if (kind.name !== "decoder") refuse(`expected decoder heads, received ${kind.name} heads${why}`);
  if (ownOutputEmbedding)
    refuse("expected heads that share the base's output embedding, received heads with one of their own");
  if (logitCap !== undefined) refuse(`expected logits that are not capped, received a cap of ${logitCap}`);
  return { pairs, between };
}

const read = (...keys: readonly string[]): KeyRules =>
  Object.fromEntries(keys.map((key): [string, KeyRule] => [key, "read"]));

/** Warnings for the keys of a config.json that `parseConfig` has taken: those that would change the text and do not. */
export function configWarnings({ raw }: ModelConfig): string[] {
  const { family, reader } = readArchitecture(raw);
  const rules = { ...commonKeys, ...read(...reader.known), ...family.keys };
  return [
    ...keyWarnings("config.json", raw, rules),
    ...[...reader.children].flatMap(([key, { json, known }]) =>
      keyWarnings(`config.json: ${key}`, json, read(...known)),
    ),
  ];
}
