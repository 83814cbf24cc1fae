/** What a model folder is: config.json, tokenizer files, generation_config.json, onnx/model[_dtype].onnx, the mask. */
import type { DeviceChoice, GenerationDefaults } from "@dynamo/core";
import type { ModelDType } from "./weights.js";

export const dtypes: readonly ModelDType[] = ["fp32", "fp16", "q8", "q4"];

/** The graph's file inside a model folder. */
export const graphPath = (dtype: ModelDType): string => `onnx/model${dtype === "fp32" ? "" : `_${dtype}`}.onnx`;
export const maskPath = "cooccurrence.safetensors";
/** Chat templates beside chat_template.jinja. */
export const additionalTemplates = [
  "additional_chat_templates/tool_use.jinja",
  "additional_chat_templates/rag.jinja",
] as const;
/** Copied from a checkpoint into its model folder when they are there. */
export const tokenizerFiles = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  ...additionalTemplates,
] as const;

/** Caps on what is read whole into memory: the largest published files of each kind are a tenth of these. */
export const limits = {
  json: 4 * 2 ** 20,
  tokenizer: 128 * 2 ** 20,
  mask: 2 ** 31,
  graph: 2 ** 31,
} as const;

/** The order in which a device would like a model's dtypes, when the caller names none; those it cannot run are left out. */
export function preferredDTypes({ device, float16 = true }: DeviceChoice): readonly ModelDType[] {
  // 8 bits lose next to nothing and read a quarter of fp32's bytes; a CPU computes halves in software.
  const order: readonly ModelDType[] =
    device === "cpu" || device === "wasm" ? ["q8", "q4", "fp32", "fp16"] : ["q8", "q4", "fp16", "fp32"];
  return float16 ? order : order.filter((dtype) => dtype !== "fp16");
}

const isShare = (value: number): boolean => value >= 0 && value <= 1;
const inRange = {
  topK: (k: number) => Number.isInteger(k) && k >= 1,
  temperature: (t: number) => Number.isFinite(t) && t >= 0,
  repetitionPenalty: (p: number) => Number.isFinite(p) && p > 0,
  backoff: isShare,
  maskStrength: isShare,
} satisfies Partial<Record<keyof GenerationDefaults, (value: number) => boolean>>;

/**
 * The decoding options that generation_config.json recommends; unknown ones and values out of range are ignored, as
 * `top_k: 0`, which means none elsewhere.
 */
export function generationDefaults(json: unknown): GenerationDefaults {
  const config = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
  const own = (typeof config["dynamo"] === "object" && config["dynamo"] !== null ? config["dynamo"] : {}) as Record<
    string,
    unknown
  >;
  const pick = (key: keyof typeof inRange, value: unknown): GenerationDefaults =>
    typeof value === "number" && inRange[key](value) ? { [key]: value } : {};
  return {
    ...pick("topK", config["top_k"]),
    ...pick("temperature", config["temperature"]),
    ...pick("repetitionPenalty", config["repetition_penalty"]),
    ...pick("backoff", own["backoff"]),
    ...pick("maskStrength", own["mask_strength"]),
  };
}
