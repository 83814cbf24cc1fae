/** @dynamo/model: Pythia and DynaMo checkpoints: read, loaded on a runtime, inspected. Conversion: @dynamo/model/convert. */
export { chatPrompt, hasChatTemplate } from "./folder/chat-prompt.js";
export type { ChatPrompt, ChatPromptOptions } from "./folder/chat-prompt.js";
export { openCheckpoint } from "./checkpoint/checkpoint.js";
export type { Checkpoint } from "./checkpoint/checkpoint.js";
export { configJson } from "./checkpoint/config-json.js";
export type {
  Activation,
  Architecture,
  AttentionShape,
  Convolution,
  EmbeddingOperations,
  Layer,
  LayerOperations,
  Norm,
  Part,
  Product,
  Projections,
  Rotary,
} from "./architectures/architecture.js";
export { supportedFamilies } from "./architectures/families.js";
export type { SupportedFamily } from "./architectures/families.js";
export type { Features } from "./architectures/features.js";
export {
  conditionalPrefix,
  embeddingEpsilon,
  isConditionalTensor,
  maxConditionalSize,
  tokenTensor,
} from "./architectures/conditional.js";
export type { ConditionalSizes } from "./architectures/conditional.js";
export { architectureOf, familyName, headInputs, headKindOf, parseConfig } from "./architectures/config.js";
export type { HeadInput, ModelConfig } from "./architectures/config.js";
export type { HeadKind, HeadKindName } from "./architectures/heads/head-kind.js";
export type { ModelFiles } from "@dynamo/core";
export type { HubOptions, HubProgress } from "@dynamo/hub";
export { inspectModel } from "./folder/inspect.js";
export type { FileReport, GraphReport, InspectOptions, MaskReport, ModelReport } from "./folder/inspect.js";
export { loadModel } from "./folder/load.js";
export type { LoadedModel, LoadOptions } from "./folder/load.js";
export { initialTensor, uniformTensor } from "./checkpoint/initial-weights.js";
export { neoxConfigJson } from "./architectures/gpt-neox-size.js";
export type { NeoxSize } from "./architectures/gpt-neox-size.js";
export { graphPath, maskPath, tokenizerFiles } from "./folder/model-folder.js";
export { loadPromptReader } from "./folder/prompt-reader.js";
export type { LoadedPromptReader, PromptReader } from "./folder/prompt-reader.js";
export { parameterCount, parameterOverhead, presetNames, presets } from "./checkpoint/presets.js";
export type { PresetName } from "./checkpoint/presets.js";
export {
  baseShapes,
  headLayer,
  headLayerPrefix,
  headPrefix,
  headShapes,
  isHeadEmbedding,
  outputEmbedding,
} from "./architectures/tensor-names.js";
export type { Shapes } from "./architectures/tensor-names.js";
export type { ModelDType, Precision } from "./graph/precision.js";
