/** Scalings of rotary embeddings, by config.json's `rope_type`, as transformers computes them. */
import type { Rotary } from "./architecture.js";
import { show, type JsonReader } from "./json-reader.js";
import { caps } from "./sizes.js";

export interface RopeToScale {
  readonly config: JsonReader;
  /** One layer type's settings. */
  readonly settings: JsonReader;
  /** Frequencies without any scaling, theta^(-2i / dimensions). */
  readonly plain: { readonly frequencies: readonly number[]; readonly theta: number };
  /** The length that the model was first trained with, where config.json's own key does not say it. */
  readonly originalLength: number | undefined;
}

type Scaled = Pick<Rotary, "frequencies" | "scale" | "long">;
type Scaling = (rope: RopeToScale) => Scaled;

/** By `rope_type`, or by its older name `type`: both count where both are there. Throws `unsupported` for another. */
export function scaleRope(rope: RopeToScale): Scaled {
  const { config, settings } = rope;
  const named = ["rope_type", "type"].flatMap((name) => {
    const type = settings.any(name);
    return type === undefined ? [] : [{ name, type }];
  });
  for (const { name, type } of named) {
    if (scalings.has(kindOf(settings, type))) continue;
    const known = [...scalings.keys()].map((key) => JSON.stringify(key)).join(", ");
    config.unsupported(`expected ${settings.path}${name} one of ${known}, received ${show(type)}`);
  }
  const [first, second] = named;
  if (second !== undefined && kindOf(settings, first?.type) !== kindOf(settings, second.type))
    config.fail(`${settings.path}rope_type ${show(first?.type)} and type ${show(second.type)} disagree`);
  return (scalings.get(ropeType(settings)) as Scaling)(rope);
}

/** The kind of scaling that settings name. */
export const ropeType = (settings: JsonReader): string =>
  kindOf(settings, settings.any("rope_type") ?? settings.any("type") ?? "default");

/** Phi 3's first files call LongRoPE by other names: YaRN has no factors of single frequencies. */
function kindOf(settings: JsonReader, type: unknown): string {
  const isLong = type === "su" || (type === "yarn" && settings.has("short_factor"));
  return isLong ? "longrope" : typeof type === "string" ? type : "";
}

const scalings: ReadonlyMap<string, Scaling> = new Map<string, Scaling>([
  ["default", ({ plain: { frequencies } }) => ({ frequencies, scale: 1 })],
  ["linear", linear],
  ["dynamic", dynamic],
  ["yarn", yarn],
  ["llama3", llama3],
  ["longrope", longrope],
]);

function linear({ settings, plain: { frequencies } }: RopeToScale): Scaled {
  const factor = settings.positive("factor");
  return { frequencies: frequencies.map((frequency) => frequency / factor), scale: 1 };
}

/** NTK scaling by length: it begins behind max_position_embeddings, where this model's context ends. */
function dynamic({ settings, plain: { frequencies } }: RopeToScale): Scaled {
  settings.positive("factor");
  settings.any("original_max_position_embeddings");
  return { frequencies, scale: 1 };
}

/** Llama 3.1: long wavelengths are divided by a factor, short ones stay, those between are blended. */
function llama3(rope: RopeToScale): Scaled {
  const { config, settings, plain } = rope;
  const factor = settings.positive("factor");
  const low = settings.positive("low_freq_factor");
  const high = settings.positive("high_freq_factor");
  const length = trainedLength(rope);
  if (high <= low)
    config.fail(`${settings.path}high_freq_factor must be above low_freq_factor ${low}, received ${high}`);
  const frequencies = plain.frequencies.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > length / low) return frequency / factor;
    if (wavelength < length / high) return frequency;
    const share = (length / wavelength - low) / (high - low);
    return ((1 - share) * frequency) / factor + share * frequency;
  });
  return { frequencies, scale: 1 };
}

/** YaRN: pairs that turn often within the first length stay, those that turn little are divided by a factor, a ramp between. */
function yarn(rope: RopeToScale): Scaled {
  const { config, settings, plain } = rope;
  const { frequencies, theta } = plain;
  if (theta <= 1) config.fail(`${settings.path}rope_theta must be above 1 for YaRN, received ${theta}`);
  const length = trainedLength(rope);
  const factor = settings.positive("factor", config.positive("max_position_embeddings") / length);
  const dimensions = 2 * frequencies.length;
  /** The dimension that turns so many times within the first length. */
  const turning = (times: number): number =>
    (dimensions * Math.log(length / (times * 2 * Math.PI))) / (2 * Math.log(theta));
  const whole = settings.flag("truncate", true);
  const [first, last] = [turning(settings.positive("beta_fast", 32)), turning(settings.positive("beta_slow", 1))];
  const low = Math.max(whole ? Math.floor(first) : first, 0);
  const high = Math.min(whole ? Math.ceil(last) : last, dimensions - 1);
  const width = low === high ? 0.001 : high - low;
  return {
    frequencies: frequencies.map((frequency, i) => {
      const share = Math.min(1, Math.max(0, (i - low) / width));
      return (frequency / factor) * share + frequency * (1 - share);
    }),
    scale: settings.positive("attention_factor", yarnScale(settings, factor)),
  };
}

function yarnScale(settings: JsonReader, factor: number): number {
  const scale = (share: number): number => (factor <= 1 ? 1 : 0.1 * share * Math.log(factor) + 1);
  if (!settings.has("mscale") || !settings.has("mscale_all_dim")) return scale(1);
  return scale(settings.positive("mscale")) / scale(settings.positive("mscale_all_dim"));
}

/** The first length times the factor; files that only had the settings added keep the first length as their context. */
export function yarnContext(config: JsonReader, settings: JsonReader, contextLength: number): number {
  const length = trainedLength({ config, settings, originalLength: undefined });
  const longer = Math.floor(length * settings.positive("factor", contextLength / length));
  if (longer > caps.context)
    config.fail(`${settings.path}factor must give a context of at most ${caps.context}, received ${longer}`);
  return Math.max(contextLength, longer);
}

/**
 * LongRoPE: other frequencies, at every position, for texts longer than the length that the model was first trained with.
 */
function longrope(rope: RopeToScale): Scaled {
  const { config, settings } = rope;
  const length = trainedLength(rope);
  const context = config.positive("max_position_embeddings");
  const factor = settings.positive("factor", context / length);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(length));
  const long = dividedBy(rope, "long_factor");
  return {
    frequencies: dividedBy(rope, "short_factor"),
    scale: settings.positive("attention_factor", usual),
    ...(context > length ? { long: { behind: length, frequencies: long } } : {}),
  };
}

/** The frequencies by a factor each. */
function dividedBy({ config, settings, plain: { frequencies } }: RopeToScale, key: string): number[] {
  const factors = settings.any(key);
  const isFactors = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((each) => typeof each === "number" && Number.isFinite(each) && each > 0);
  if (!isFactors(factors) || factors.length !== frequencies.length)
    return config.fail(
      `${settings.path}${key} must be ${frequencies.length} numbers above 0, received ${show(factors)}`,
    );
  return frequencies.map((frequency, i) => frequency / (factors[i] as number));
}

/** The outer key stands before the one among the settings; without both the context was never made longer. */
function trainedLength({
  config,
  settings,
  originalLength,
}: Pick<RopeToScale, "config" | "settings" | "originalLength">): number {
  const key = "original_max_position_embeddings";
  const inner = settings.any(key);
  if (config.has(key)) return config.whole(key, 2, caps.context);
  if (originalLength !== undefined) return originalLength;
  if (inner !== undefined) return settings.whole(key, 2, caps.context);
  return config.whole("max_position_embeddings", 1, caps.context);
}
