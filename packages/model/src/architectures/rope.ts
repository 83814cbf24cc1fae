/** Rotary embeddings as config.json says them, in the older spelling and the newer one. */
import type { Rotary } from "./architecture.js";
import { isObject, show, type Json, type JsonReader } from "./json-reader.js";

export interface RopeOptions {
  readonly headSize: number;
  /** Frequencies are powers of this; where the settings name none, `rope_theta` beside them, then 10,000. */
  readonly theta?: number;
  /** The part of a head's dimensions that is rotated; likewise `partial_rotary_factor`, then all. */
  readonly share?: number;
  /** How the share is called in messages; it may be an older key. */
  readonly shareKey?: string;
  /** Layers of this type have settings of their own, where there are several. */
  readonly layerType?: string;
}

const settingsKeys = ["rope_scaling", "rope_parameters"] as const;

/** Where settings stand, the first that has any: a filled `rope_scaling` comes before `rope_parameters`, as in transformers. */
function settingsOf(config: JsonReader, layerType: string | undefined): JsonReader {
  const places = [config.child("rope_scaling"), config.child("rope_parameters")] as const;
  const filled = places.find(({ json }) => Object.keys(json).length > 0) ?? places[0];
  const nested = Object.keys(filled.json).find((name) => isObject(filled.json[name]));
  if (nested === undefined) return filled;
  if (layerType !== undefined && isObject(filled.json[layerType])) return filled.child(layerType);
  const key = settingsKeys[places.indexOf(filled)] ?? "rope_scaling";
  return config.unsupported(
    layerType === undefined
      ? `expected one ${key} for all layers, received some of ${show(nested)}`
      : `expected ${key} of ${JSON.stringify(layerType)}, received some of ${show(nested)}`,
  );
}

/** Whether each type of layer has settings of its own. */
export const isRopeByLayer = (config: JsonReader): boolean =>
  settingsKeys.some((key) => Object.values(config.child(key).json).some(isObject));

/** base^(-2i / dimensions) of each pair i. */
const powers = (base: number, dimensions: number): number[] =>
  Array.from({ length: dimensions / 2 }, (_, i) => base ** ((-2 * i) / dimensions));

/** A rotation of all of a head without any scaling. */
export const plainRope = (name: string, headSize: number, theta: number): Rotary => ({
  name,
  dimensions: headSize,
  frequencies: powers(theta, headSize),
  scale: 1,
});

/** One layer type's rotation. Throws `unsupported` for a type of scaling that is not computed here. */
export function readRope(config: JsonReader, options: RopeOptions): Rotary {
  const { headSize, layerType, shareKey = "partial_rotary_factor" } = options;
  const settings = settingsOf(config, layerType);
  const outer = { theta: config.positive("rope_theta", 10_000), share: config.positive("partial_rotary_factor", 1) };
  const theta = settings.positive("rope_theta", options.theta ?? outer.theta);
  const share = settings.positive("partial_rotary_factor", options.share ?? outer.share);
  // Hugging Face cuts off the fraction too: int(head_size * share).
  const dimensions = Math.floor(headSize * share);
  if (share > 1 || dimensions < 2 || dimensions % 2 !== 0)
    config.fail(
      `${shareKey} ${share} of a head of ${headSize} gives ${dimensions} dimensions, expected an even number of at least 2`,
    );
  const { scale, frequencies } = scaled(config, settings, powers(theta, dimensions));
  return { name: layerType === undefined ? "rotary" : `rotary.${layerType}`, dimensions, frequencies, scale };
}

type Scaled = Pick<Rotary, "frequencies" | "scale">;
type Scaling = (config: JsonReader, settings: JsonReader, plain: readonly number[]) => Scaled;

/** By `rope_type`, or by its older name `type`: both count where both are there. */
function scaled(config: JsonReader, settings: JsonReader, plain: readonly number[]): Scaled {
  const named = ["rope_type", "type"].flatMap((name) => {
    const type = settings.any(name);
    return type === undefined ? [] : [{ name, type }];
  });
  for (const { name, type } of named) {
    if (typeof type === "string" && scalings.has(type)) continue;
    const known = [...scalings.keys()].map((key) => JSON.stringify(key)).join(", ");
    config.unsupported(`expected ${settings.path}${name} one of ${known}, received ${show(type)}`);
  }
  const [first, second] = named;
  if (second !== undefined && first?.type !== second.type)
    config.fail(`${settings.path}rope_type ${show(first?.type)} and type ${show(second.type)} disagree`);
  return (scalings.get((first?.type as string | undefined) ?? "default") as Scaling)(config, settings, plain);
}

const scalings: ReadonlyMap<string, Scaling> = new Map<string, Scaling>([
  ["default", (_, __, frequencies) => ({ frequencies, scale: 1 })],
  ["linear", (_, settings, plain) => ({ frequencies: divided(plain, () => settings.positive("factor")), scale: 1 })],
  ["dynamic", dynamic],
  ["llama3", llama3],
  ["longrope", longrope],
]);

function divided(plain: readonly number[], by: (i: number) => number): number[] {
  return plain.map((frequency, i) => frequency / by(i));
}

/** NTK scaling by length: it begins behind max_position_embeddings, where this model's context ends. */
function dynamic(_: JsonReader, settings: JsonReader, frequencies: readonly number[]): Scaled {
  settings.positive("factor");
  settings.any("original_max_position_embeddings");
  return { frequencies, scale: 1 };
}

/** Llama 3.1: long wavelengths are divided by a factor, short ones stay, those between are blended. */
function llama3(config: JsonReader, settings: JsonReader, plain: readonly number[]): Scaled {
  const factor = settings.positive("factor");
  const low = settings.positive("low_freq_factor");
  const high = settings.positive("high_freq_factor");
  const length = settings.positive("original_max_position_embeddings");
  if (high <= low)
    config.fail(`${settings.path}high_freq_factor must be above low_freq_factor ${low}, received ${high}`);
  const frequencies = plain.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > length / low) return frequency / factor;
    if (wavelength < length / high) return frequency;
    const share = (length / wavelength - low) / (high - low);
    return ((1 - share) * frequency) / factor + share * frequency;
  });
  return { frequencies, scale: 1 };
}

/**
 * LongRoPE's short factors, which hold up to the length that the model was first trained with: longer texts would have other
 * frequencies at every position, so that this length is the context (`ropeContext`).
 */
function longrope(config: JsonReader, settings: JsonReader, plain: readonly number[]): Scaled {
  const factors = settings.any("short_factor");
  settings.any("long_factor");
  const isFactors = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((each) => typeof each === "number" && Number.isFinite(each) && each > 0);
  if (!isFactors(factors) || factors.length !== plain.length)
    return config.fail(
      `${settings.path}short_factor must be ${plain.length} numbers above 0, received ${show(factors)}`,
    );
  const length = originalLength(config, settings);
  const factor = settings.positive("factor", config.positive("max_position_embeddings") / length);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(length));
  return {
    frequencies: divided(plain, (i) => factors[i] as number),
    scale: settings.positive("attention_factor", usual),
  };
}

/** The outer key stands before the one among the settings. */
const originalLength = (config: JsonReader, settings: JsonReader): number =>
  config.has("original_max_position_embeddings")
    ? config.positive("original_max_position_embeddings")
    : settings.positive("original_max_position_embeddings");

/** The context in which the rotations hold: LongRoPE's short factors end where the model was first trained to. */
export function ropeContext(config: JsonReader, contextLength: number): number {
  const settings = settingsOf(config, "full_attention");
  const type = settings.any("rope_type") ?? settings.any("type");
  return type === "longrope" ? Math.min(contextLength, originalLength(config, settings)) : contextLength;
}

/** What a config.json's rotary settings say of a key, without its older names. */
export const ropeValue = (json: Json, key: string): unknown =>
  settingsKeys
    .map((name) => json[name])
    .find((value): value is Json => isObject(value) && Object.keys(value).length > 0)?.[key];
