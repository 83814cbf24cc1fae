/** @dynamo/eval: does it write as well, and how much faster? */
export type { EvalWorker, Evaluation, Json, JsonObject } from "./evaluation.js";
export { scoreContinuations } from "./log-likelihood.js";
export type { Continuation, ContinuationScore, ScoreOptions } from "./log-likelihood.js";
export { perplexity } from "./perplexity/perplexity.js";
export type { PerplexityJob, PerplexityResult, PerplexitySettings } from "./perplexity/perplexity.js";
export type { PerplexitySummary, WalkSummary } from "./perplexity/summary.js";
export type { TokenSource } from "./perplexity/token-file.js";
