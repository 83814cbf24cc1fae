/** What a config must be that callers in plain JavaScript hand over. */
import { flag, isPlainObject, listOf, numberFrom, valueCheck, whole, type ValueCheck } from "@dynamo/core/options";
import { headInputs, maxTokenHeads, type NeoxConfig } from "./config.js";

export const tokenHeadsCheck = whole(1, maxTokenHeads);

const ids = listOf(whole(0), "a list of whole numbers");
const sizes = ["vocabularySize", "hiddenSize", "layers", "attentionHeads", "headSize", "intermediateSize", "contextLength", "headLayers"] as const; // prettier-ignore

/** Also a changed one is taken: `{ ...config, tokenHeads: 3 }`. */
export const configCheck = valueCheck<NeoxConfig>("a config, as parseNeoxConfig() gives it", (value) => {
  if (!isPlainObject(value)) return false;
  const { raw, headInput, untrainedHeads, tokenHeads, eosTokenIds, beginOfTextId, ...rest } = value as NeoxConfig;
  const every = (names: readonly (keyof typeof rest)[], check: ValueCheck): boolean =>
    names.every((name) => check.accepts(rest[name]));
  return (
    isPlainObject(raw) &&
    headInputs.includes(headInput) &&
    ids.accepts(untrainedHeads) &&
    ids.accepts(eosTokenIds) &&
    (beginOfTextId === undefined || whole(0).accepts(beginOfTextId)) &&
    every(sizes, whole(1, 2 ** 24)) &&
    every(["rotaryDimensions"], whole(0, 2 ** 24)) &&
    every(["rotaryBase", "layerNormEpsilon"], numberFrom(0)) &&
    every(["tiedEmbeddings", "attentionBias", "ownOutputEmbedding"], flag) &&
    tokenHeadsCheck.accepts(tokenHeads)
  );
});
