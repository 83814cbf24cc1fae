/** What a GPT-NeoX config.json says that other engines' files need by name. The benchmarks' models are all written in the older spelling. */
import type { ModelConfig } from "@dynamo/model";

export interface NeoxSettings {
  readonly rotaryDimensions: number;
  readonly rotaryBase: number;
  readonly layerNormEpsilon: number;
}

export const neoxSettings = ({ raw, headSize }: ModelConfig): NeoxSettings => ({
  rotaryDimensions: Math.floor(headSize * Number(raw["rotary_pct"] ?? 0.25)),
  rotaryBase: Number(raw["rotary_emb_base"] ?? 10_000),
  layerNormEpsilon: Number(raw["layer_norm_eps"] ?? 1e-5),
});
