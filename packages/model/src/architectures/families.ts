/** All families. A new one is a file of this folder and a line here. */
import type { Family } from "./family.js";
import { gemma2 } from "./gemma2.js";
import { gemma3 } from "./gemma3.js";
import { gptNeox } from "./gpt-neox.js";
import { gpt2 } from "./gpt2.js";
import { granite } from "./granite.js";
import { lfm2 } from "./lfm2.js";
import { llama } from "./llama.js";
import { mistral } from "./mistral.js";
import { olmo2 } from "./olmo2.js";
import { phi3 } from "./phi3.js";
import { qwen2 } from "./qwen2.js";
import { qwen3 } from "./qwen3.js";
import { smollm3 } from "./smollm3.js";
import { starcoder2 } from "./starcoder2.js";

export const families: readonly Family[] = [
  gptNeox,
  llama,
  qwen2,
  qwen3,
  mistral,
  gemma2,
  gemma3,
  smollm3,
  granite,
  olmo2,
  phi3,
  lfm2,
  starcoder2,
  gpt2,
];

/** Families that are known and not computed, by config.json's `model_type`, and why not. */
export const refusedFamilies: ReadonlyMap<unknown, string> = new Map(
  ["qwen3_5", "qwen3_5_text", "qwen3_next"].map((type) => [
    type,
    "its gated delta rule keeps a recurrent state, which the cache cannot take back",
  ]),
);

/** What is known of a family without a model of it. */
export type SupportedFamily = Pick<Family, "name" | "modelType" | "examples">;

/** The families that load: their names, config.json's `model_type`, and models of them on the Hugging Face hub. */
export const supportedFamilies: readonly SupportedFamily[] = families.map(({ name, modelType, examples }) => ({
  name,
  modelType,
  examples,
}));
