/** What a model folder is: config.json, tokenizer files, generation_config.json, onnx/model[_dtype].onnx, the mask. */
import type { DeviceChoice } from "@dynamo/core";
import { checkValue, oneOf, type ValueCheck } from "@dynamo/core/options";
import type { ModelDType } from "../graph/precision.js";

export const dtypes: readonly ModelDType[] = ["fp32", "fp16", "q8", "q4", "int8"];

export const dtypeCheck: ValueCheck<ModelDType> = oneOf(...dtypes);

/** The graph's file inside a model folder. */
export function graphPath(dtype: ModelDType): string {
  checkValue("dtype", dtype, dtypeCheck);
  return `onnx/model${dtype === "fp32" ? "" : `_${dtype}`}.onnx`;
}
/** The co-occurrence mask's file in a model folder. */
export const maskPath = "cooccurrence.safetensors";
/** What conditional parts add for the tokens between. */
export const conditionalPath = "conditional.safetensors";
/** Chat templates beside chat_template.jinja. */
export const additionalTemplates = [
  "additional_chat_templates/tool_use.jinja",
  "additional_chat_templates/rag.jinja",
] as const;
/** What a folder says of its texts: copied from a checkpoint into whatever is made of it, as far as they are there. */
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
  conditional: 2 ** 31,
  graph: 2 ** 31,
} as const;

/** The order in which a device would like a model's dtypes, when the caller names none; those it cannot run are left out. */
export function preferredDTypes({ device, float16 = true }: DeviceChoice): readonly ModelDType[] {
  // 8 bits lose next to nothing and read a quarter of fp32's bytes; a CPU computes halves in software.
  const order: readonly ModelDType[] =
    device === "cpu" || device === "wasm" ? ["q8", "int8", "q4", "fp32", "fp16"] : ["q8", "q4", "fp16", "fp32"];
  return float16 ? order : order.filter((dtype) => dtype !== "fp16");
}
