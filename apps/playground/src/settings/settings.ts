/** The whole state of the page, and its form as a link: what is at its default is left out. */
import { jointKinds, type GenerateOptions, type SamplingOptions } from "@dynamo/decode";
import { samplingChecks } from "@dynamo/decode/plugin";
import { generateChecks } from "@dynamo/decode/rows";
import { flag, inRange, oneOf, optionalNumber, optionalObject, text, type Field } from "./field.js";

export { maxPromptLength } from "./field.js";

export const views = ["write", "chat", "race", "inside", "measure"] as const;
export type View = (typeof views)[number];
export const strategies = ["dynamo", "autoregressive", "verified", "plugin"] as const;
export type StrategyName = (typeof strategies)[number];
/** What dynamo's joint is made of; `auto` as the model is best used. */
export const joints = ["auto", ...jointKinds] as const;
export type JointName = (typeof joints)[number];
export const devices = ["auto", "webgpu", "wasm"] as const;
export type DeviceName = (typeof devices)[number];
/** Which of the folder's graphs runs. */
export const dtypes = ["auto", "fp32", "fp16", "q8", "q4", "int8"] as const;
export type DTypeName = (typeof dtypes)[number];

/** What most visitors leave to the model: undefined unless they say otherwise. */
export type AdvancedSettings = {
  readonly [Name in (typeof advancedNames)[number]]: (SamplingOptions & GenerateOptions)[Name];
};
export const advancedNames = ["topP", "minP", "typicalP", "presencePenalty", "frequencyPenalty", "logitBias"] as const;

export interface Settings extends AdvancedSettings {
  readonly view: View;
  readonly prompt: string;
  /** An embedded model's name, the address of a model folder, or a server's. */
  readonly model: string;
  /** Which of the server's models; its first unless it has one of this name. */
  readonly serverModel: string;
  readonly device: DeviceName;
  readonly dtype: DTypeName;
  readonly strategy: StrategyName;
  readonly joint: JointName;
  readonly backoff: number;
  readonly maskStrength: number;
  readonly adaptive: boolean;
  readonly blur: boolean;
  readonly temperature: number;
  readonly topK: number;
  /** The repetition penalty. */
  readonly penalty: number;
  readonly seed: number;
  /** Tokens to write at most. */
  readonly length: number;
  /** A link with it writes by itself when it is opened. */
  readonly run: boolean;
  /** The pass that "Look inside" shows, and where in its joint. */
  readonly pass: number;
  /** At most the heads that there are: the first order that a step tries. */
  readonly order: number;
  readonly thirdRank: number;
}

/** Web servers refuse longer addresses (nginx 8 kB, Node 16 kB): a prompt that makes one longer is left out of it. */
const maxQueryLength = 7000;

/** Least and most of each number, for the link and the controls alike. */
export const ranges = {
  backoff: [0, 1],
  maskStrength: [0, 1],
  temperature: [0, 2],
  topK: [1, 100],
  penalty: [0.5, 2],
  seed: [0, 2 ** 31 - 1],
  length: [1, 2000],
  pass: [0, 10_000],
  order: [2, 4],
  thirdRank: [0, 99],
} as const satisfies Partial<Record<keyof Settings, readonly [number, number]>>;

const fields: { readonly [Key in keyof Settings]: Field<Settings[Key]> } = {
  view: oneOf(views, "write"),
  prompt: text("Once upon a time, there was a little girl who"),
  model: text("stories"),
  serverModel: text(""),
  device: oneOf(devices, "auto"),
  dtype: oneOf(dtypes, "auto"),
  strategy: oneOf(strategies, "dynamo"),
  joint: oneOf(joints, "auto"),
  backoff: inRange(0.7, ranges.backoff, false),
  maskStrength: inRange(1, ranges.maskStrength, false),
  adaptive: flag(true),
  blur: flag(true),
  temperature: inRange(0.6, ranges.temperature, false),
  topK: inRange(40, ranges.topK, true),
  penalty: inRange(1.1, ranges.penalty, false),
  topP: optionalNumber(samplingChecks.topP),
  minP: optionalNumber(samplingChecks.minP),
  typicalP: optionalNumber(samplingChecks.typicalP),
  presencePenalty: optionalNumber(generateChecks.presencePenalty),
  frequencyPenalty: optionalNumber(generateChecks.frequencyPenalty),
  logitBias: optionalObject(generateChecks.logitBias),
  seed: inRange(1, ranges.seed, true),
  length: inRange(160, ranges.length, true),
  run: flag(false),
  pass: inRange(0, ranges.pass, true),
  order: inRange(4, ranges.order, true),
  thirdRank: inRange(0, ranges.thirdRank, true),
};

const keys = Object.keys(fields) as (keyof Settings)[];

export const initialSettings: Settings = parseSettings("");

/** Reads a link's query. Names and values that mean nothing are ignored: a link never breaks the page. */
export function parseSettings(query: string): Settings {
  const parameters = new URLSearchParams(query);
  const entries = keys.map((key) => {
    const value = parameters.get(key);
    return [key, (value === null ? undefined : fields[key].parse(value)) ?? fields[key].initial] as const;
  });
  return Object.fromEntries(entries) as unknown as Settings;
}

/** The query of a link to this state, without "?"; empty for the initial one. What is too long for a link is left out. */
export function formatSettings(settings: Settings): string {
  const shorter = { ...settings, prompt: initialSettings.prompt, run: false };
  const shortest = { ...shorter, logitBias: undefined };
  const queries = [settings, shorter, shortest].map(queryOf);
  return queries.find(({ length }) => length <= maxQueryLength) ?? "";
}

export const promptFitsLink = (settings: Settings): boolean => queryOf(settings).length <= maxQueryLength;

function queryOf(settings: Settings): string {
  const parameters = new URLSearchParams();
  for (const key of keys) {
    if (settings[key] === fields[key].initial) continue;
    parameters.set(key, (fields[key] as Field<unknown>).format(settings[key]));
  }
  return parameters.toString();
}
