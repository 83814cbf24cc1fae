/** @dynamo/eval: does it write as well, and how much faster? */
export type { EvalWorker, Evaluation, Json, JsonObject, Work } from "./evaluation.js";
export { hashFile } from "./hash-file.js";
export { scoreContinuations } from "./log-likelihood.js";
export type { Continuation, ContinuationScore, ScoreOptions } from "./log-likelihood.js";
export { perplexity } from "./perplexity/perplexity.js";
export type { PerplexityJob, PerplexityResult, PerplexitySettings } from "./perplexity/result.js";
export type { PerplexitySummary, WalkSummary } from "./perplexity/summary.js";
export type { TokenSource } from "./perplexity/token-file.js";
export { completions } from "./open-ended/completions.js";
export type { CompletionsSettings } from "./open-ended/completions.js";
export type { CompletionsJob, CompletionsResult } from "./open-ended/completions-result.js";
export { sentenceCompletion } from "./open-ended/prompts.js";
export type { OpenPrompt } from "./open-ended/prompts.js";
export type { CompletionsSummary, PromptTexts, SettingSummary } from "./open-ended/summary.js";
export type { Sampling, Setting, WrittenText } from "./open-ended/write-text.js";
export { ratioEstimate } from "./statistics/intervals.js";
export type { Estimate, Interval } from "./statistics/intervals.js";
export { sameQuality } from "./statistics/same-quality.js";
export type { QualityPoint, SameQuality } from "./statistics/same-quality.js";
export { winRate } from "./statistics/win-rate.js";
export type { Outcome, WinRate } from "./statistics/win-rate.js";
export { judgeTexts } from "./judge/judge.js";
export type { JudgeSettings } from "./judge/judge.js";
export type { JudgedText, JudgeJob, JudgeResult } from "./judge/result.js";
export type { JudgeMode } from "./judge/judge-prompts.js";
export type { Judgement, JudgeSummary, SettingJudgement } from "./judge/summary.js";
export { measures } from "./open-ended/measures.js";
export type { MeasuresSettings } from "./open-ended/measures.js";
export type { MeasuresJob, MeasuresResult } from "./open-ended/measures-result.js";
export type { FrontierGap, Variety } from "./open-ended/frontier-gaps.js";
export type {
  Crossing,
  MeasuredSetting,
  MeasuresSummary,
  Quality,
  SetMeasures,
  TextMeasures,
} from "./open-ended/measures-summary.js";
export { compare } from "./compare/compare.js";
export type { CompareSettings } from "./compare/compare.js";
export { ablation } from "./compare/ablation.js";
export type { AblationSettings } from "./compare/ablation.js";
export { architectures } from "./compare/architectures.js";
export type { ArchitecturesSettings, ArchitecturesSummary, Architecture } from "./compare/architectures.js";
export type { ComparisonRow, ComparisonSummary } from "./compare/comparison-summary.js";
export type { PluginSetting, SpeculativeSetting, Way } from "./compare/ways.js";
export { passFlops, readModelGraph } from "./flops/flops.js";
export type { PassShape } from "./flops/flops.js";
export { builtInTasks } from "./tasks/built-in/index.js";
export { downloadData } from "./tasks/definition/download.js";
export type { DownloadOptions } from "./tasks/definition/download.js";
export type { GroupScores, Score, TasksResult, TasksSummary, TaskSummary } from "./tasks/summary.js";
export type { Task } from "./tasks/task.js";
export { readTaskDefinition } from "./tasks/definition/task-definition.js";
export type { TaskDefinition } from "./tasks/definition/task-definition.js";
export { tasks } from "./tasks/tasks.js";
export type { TaskRun, TasksJob, TasksSettings } from "./tasks/tasks.js";
export type { Writing } from "./tasks/write-answers.js";
export { computeHere } from "./jobs/compute.js";
export type { Compute, PendingJob, PutResult } from "./jobs/compute.js";
export { computeInProcesses } from "./jobs/job-processes.js";
export type { JobProcessOptions } from "./jobs/job-processes.js";
export { computeOnQueue, evaluationQueue, runId, workOnQueue } from "./jobs/queued-jobs.js";
export type { QueuedOptions, WorkerOptions } from "./jobs/queued-jobs.js";
export { answerJobs } from "./jobs/answer-jobs.js";
export type { OpenedJobs } from "./jobs/answer-jobs.js";
export { evaluationOf } from "./jobs/specs.js";
export type { EvaluationKind, EvaluationSpec, SummaryOf } from "./jobs/specs.js";
export { claimPlace } from "./jobs/manifest.js";
export { runEvaluation, settingsWithHashes } from "./jobs/run-evaluation.js";
export type { EvaluationOutcome, RunEvaluationOptions } from "./jobs/run-evaluation.js";
export { readResultFile } from "./report/result-file.js";
export type { ResultFile } from "./report/result-file.js";
export { reportPage } from "./report/report.js";
export type { ReportOptions } from "./report/report.js";
export { describeRun, versionOf } from "./report/run-record.js";
export type { RunRecord } from "./report/run-record.js";
export {
  estimateText,
  gapMeaning,
  gapText,
  percentText,
  sameQualityText,
  settingText,
  wayText,
} from "./report/words.js";
export type { Trial, TuneSetting } from "./tune/setting.js";
export { writeRecommendation } from "./tune/generation-config.js";
export type { FrontierTemperature } from "./tune/meter.js";
export { tune } from "./tune/tune.js";
export type { TuneDefaults, TuneOutcome, TuneProgress, TuneSettings } from "./tune/tune-settings.js";
export { trialCells, tunedText, tuneSettingText } from "./tune/tuned-text.js";
