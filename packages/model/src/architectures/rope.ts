/** Rotary embeddings as config.json says them, in the older spelling and the newer one. */
import type { Rotary } from "./architecture.js";
import { isObject, show, type Json, type JsonReader } from "./json-reader.js";
import { ropeType, scaleRope, yarnContext } from "./rope-scaling.js";

export interface RopeOptions {
  readonly headSize: number;
  /** Frequencies are powers of this; where the settings name none, `rope_theta` beside them, then 10,000. */
  readonly theta?: number;
  /** The part of a head's dimensions that is rotated; likewise `partial_rotary_factor`, then all. */
  readonly share?: number;
  /** How the share is called in messages; it may be an older key. */
  readonly shareKey?: string;
  /** The length that the model was first trained with, where config.json's own key does not say it. */
  readonly originalLength?: number;
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
  const plain = { frequencies: powers(theta, dimensions), theta };
  const scaled = scaleRope({ config, settings, plain, originalLength: options.originalLength });
  return { name: layerType === undefined ? "rotary" : `rotary.${layerType}`, dimensions, ...scaled };
}

/** The context in which the rotations hold: YaRN says by how much it makes it longer. */
export function ropeContext(config: JsonReader, contextLength: number): number {
  const settings = settingsOf(config, "full_attention");
  return ropeType(settings) === "yarn" ? yarnContext(config, settings, contextLength) : contextLength;
}

/** What a config.json's rotary settings say of a key, without its older names. */
export const ropeValue = (json: Json, key: string): unknown =>
  settingsKeys
    .map((name) => json[name])
    .find((value): value is Json => isObject(value) && Object.keys(value).length > 0)?.[key];
