/** config.json, written. */
import { checkValue } from "@dynamo/core/options";
import { configCheck } from "../architectures/config-check.js";
import type { ModelConfig } from "../architectures/config.js";

/** config.json as Hugging Face writes it, with what this configuration says of its token heads. */
export function configJson(config: ModelConfig): Readonly<Record<string, unknown>> {
  checkValue("config", config, configCheck);
  const { raw, tokenHeads, untrainedHeads, headKind, headLayers, headInput, ownOutputEmbedding, conditional } = config;
  const dynamo = {
    token_heads: tokenHeads,
    ...(headLayers === 1 ? {} : { head_layers: headLayers }),
    ...(headKind === "decoder" ? {} : { head_kind: headKind }),
    ...(headInput === "stem" || headKind !== "decoder" ? {} : { head_input: headInput }),
    ...(conditional === undefined ? {} : { conditional }),
    ...(ownOutputEmbedding ? { own_output_embedding: true } : {}),
    ...(untrainedHeads.length > 0 ? { untrained_heads: untrainedHeads } : {}),
  };
  return { ...raw, dynamo };
}
