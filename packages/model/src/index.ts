/** @dynamo/model: Pythia and DynaMo checkpoints: read, loaded on a runtime, inspected. Conversion: @dynamo/model/convert. */
export { chatPrompt, hasChatTemplate } from "./chat-prompt.js";
export type { ChatPrompt, ChatPromptOptions } from "./chat-prompt.js";
export { openCheckpoint } from "./checkpoint.js";
export type { Checkpoint } from "./checkpoint.js";
export { configJson } from "./config-json.js";
export { headInputs, parseNeoxConfig } from "./config.js";
export type { HeadInput, NeoxConfig } from "./config.js";
export type { ModelFiles } from "@dynamo/core";
export { inspectModel } from "./inspect.js";
export type { GraphReport, MaskReport, ModelReport } from "./inspect.js";
export { loadModel } from "./load.js";
export type { LoadedModel, LoadOptions } from "./load.js";
export { initialTensor, uniformTensor } from "./initial-weights.js";
export { neoxConfigJson } from "./neox-config-json.js";
export type { NeoxSize } from "./neox-config-json.js";
export { graphPath, maskPath, tokenizerFiles } from "./model-folder.js";
export { loadPromptReader } from "./prompt-reader.js";
export type { PromptReader } from "./prompt-reader.js";
export { parameterCount, parameterOverhead, presetNames, presets } from "./presets.js";
export type { PresetName } from "./presets.js";
export {
  baseShapes,
  headLayerPrefix,
  headPrefix,
  headShapes,
  isHeadEmbedding,
  outputEmbedding,
} from "./tensor-names.js";
export type { Shapes } from "./tensor-names.js";
export type { ModelDType, Precision } from "./weights.js";
