/** @dynamo/decode: generate(), the strategies, and the pieces they are made of. */
export { autoregressive } from "./autoregressive.js";
export { dynamo } from "./dynamo.js";
export type { DynamoOptions } from "./dynamo.js";
export { countStrength } from "./conditional.js";
export { jointKinds } from "./joint-kinds.js";
export type { JointKind } from "./joint-kinds.js";
export { createDynamoStep, tupleOf } from "./dynamo-step.js";
export type {
  DynamoStep,
  JointStage,
  ObserveOptions,
  OrderTrace,
  StageName,
  StepDecision,
  StepOptions,
} from "./dynamo-step.js";
export { generate } from "./generate.js";
export { startDecoding } from "./decoding.js";
export type { Decoding, DecodingProgress, DecodingStep } from "./decoding.js";
export type { Prompt } from "./prompt.js";
export type {
  FinishReason,
  GenerateOptions,
  Generation,
  GenerationChunk,
  GenerationResult,
  GenerationStatistics,
  TokenLogprob,
} from "./generation.js";
export type { DraftPlace, DraftSource, SeenStep } from "./drafts/draft-source.js";
export { headDrafts } from "./drafts/head-drafts.js";
export { lookup } from "./drafts/lookup.js";
export type { LookupOptions } from "./drafts/lookup.js";
export { draftSourceNames } from "./drafts/draft-source-names.js";
export type { DraftSourceName } from "./drafts/draft-source-names.js";
export { recycling } from "./drafts/recycling.js";
export type { SparseGrid } from "./grid.js";
export { headDistribution } from "./head-distribution.js";
export type { DistributionOptions, HeadDistribution } from "./head-distribution.js";
export type { BanOptions } from "./bans.js";
export { judge, samplingDistribution } from "./judge.js";
export type { JudgeOptions } from "./judge.js";
export type { AdjustmentOptions } from "./logit-adjustment.js";
export type { SamplingOptions } from "./options.js";
export { checkPromptLength } from "./prompt.js";
export { createRandom } from "./random.js";
export type { Random } from "./random.js";
export { recommendedStrategy } from "./recommended-strategy.js";
export { choose } from "./sample.js";
export { speculative } from "./speculative.js";
export type { SpeculativeOptions } from "./speculative.js";
export { verified } from "./verified.js";
export type { VerifiedOptions } from "./verified.js";
export { withStep } from "./with-step.js";
export type { Draft, StepInput, StepOutput, Strategy } from "@dynamo/core";
