/** What a config must be that callers in plain JavaScript hand over. */
import { isPlainObject, valueCheck, whole } from "@dynamo/core/options";
import { headInputs, maxTokenHeads, type NeoxConfig } from "./config.js";

export const tokenHeadsCheck = whole(1, maxTokenHeads);

/** Also a changed one is taken: `{ ...config, tokenHeads: 3 }`. */
export const configCheck = valueCheck<NeoxConfig>("a config, as parseNeoxConfig() gives it", (value) => {
  if (!isPlainObject(value)) return false;
  const { raw, headInput, untrainedHeads, tokenHeads, headLayers, ...numbers } = value as NeoxConfig;
  const sizes = (["vocabularySize", "hiddenSize", "layers", "attentionHeads", "intermediateSize"] as const).map(
    (name) => numbers[name],
  );
  return (
    isPlainObject(raw) &&
    headInputs.includes(headInput) &&
    Array.isArray(untrainedHeads) &&
    [...sizes, headLayers].every(whole(1, 2 ** 24).accepts) &&
    tokenHeadsCheck.accepts(tokenHeads)
  );
});
