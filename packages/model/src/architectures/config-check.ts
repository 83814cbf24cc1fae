/** What a config must be that callers in plain JavaScript hand over. */
import { flag, isPlainObject, listOf, valueCheck, whole, type ValueCheck } from "@dynamo/core/options";
import { maxConditionalSize, type ConditionalSizes } from "./conditional.js";
import { headInputs, maxTokenHeads, type ModelConfig } from "./config.js";
import { headKinds } from "./heads/kinds.js";

export const tokenHeadsCheck = whole(1, maxTokenHeads);

const ids = listOf(whole(0), "a list of whole numbers");
const sizes = ["vocabularySize", "hiddenSize", "layers", "attentionHeads", "keyValueHeads", "headSize", "intermediateSize", "contextLength", "headLayers"] as const; // prettier-ignore

const width = whole(0, maxConditionalSize);
const isSizes = (value: unknown): boolean =>
  isPlainObject(value) &&
  width.accepts((value as ConditionalSizes).pairs) &&
  width.accepts((value as ConditionalSizes).between);

/** Also a changed one is taken: `{ ...config, tokenHeads: 3 }`. */
export const configCheck = valueCheck<ModelConfig>("a config, as parseConfig() gives it", (value) => {
  if (!isPlainObject(value)) return false;
  const { raw, headKind, headInput, untrainedHeads, tokenHeads, eosTokenIds, beginOfTextId, conditional, ...rest } =
    value as ModelConfig;
  const every = (names: readonly (keyof typeof rest)[], check: ValueCheck): boolean =>
    names.every((name) => check.accepts(rest[name]));
  return (
    isPlainObject(raw) &&
    headInputs.includes(headInput) &&
    Object.hasOwn(headKinds, headKind) &&
    ids.accepts(untrainedHeads) &&
    ids.accepts(eosTokenIds) &&
    (beginOfTextId === undefined || whole(0).accepts(beginOfTextId)) &&
    every(sizes, whole(1, 2 ** 24)) &&
    every(["tiedEmbeddings", "ownOutputEmbedding"], flag) &&
    tokenHeadsCheck.accepts(tokenHeads) &&
    (conditional === undefined || isSizes(conditional))
  );
});
