/** What a run shows while it goes on: lines that stay in place on a terminal, a line now and then elsewhere. */
import { sizeText } from "@dynamo/core";
import type { EvaluationMetrics, Metrics, SampleMetrics, StepMetrics, TrainingConfig } from "@dynamo/train/node";
import { logUpdateStderr } from "log-update";
import { paintError } from "./paint.js";

export interface TrainingView {
  show(metrics: Metrics): void;
  /** A line that stays above what changes. */
  note(line: string): void;
  stop(): void;
}

/** Between two lines where there is no terminal, and between two pictures where there is one. */
const lineMilliseconds = 10_000;
const frameMilliseconds = 100;
/** Tokens/s and the time left come from so many of the last steps. */
const speedSteps = 50;
const barWidth = 30;

export function startTrainingView(config: TrainingConfig): TrainingView {
  const recent: StepMetrics[] = [];
  let evaluation: EvaluationMetrics | undefined;
  let sample: SampleMetrics | undefined;
  let drawn = 0;
  const isTerminal = process.stderr.isTTY;
  const update = isTerminal ? logUpdateStderr : undefined;
  const draw = (): void => {
    drawn = performance.now();
    if (update === undefined) console.error(stepLine(recent, config));
    else update([bar(recent, config), lossLine(recent), ...held(evaluation), ...sampleLine(sample)].join("\n"));
  };
  return {
    show(metrics) {
      if (metrics.kind === "evaluation") evaluation = metrics;
      if (metrics.kind === "sample") sample = metrics;
      if (metrics.kind === "step") recent.push(metrics);
      if (recent.length > speedSteps) recent.shift();
      if (!isTerminal && metrics.kind !== "step") console.error(eventLine(metrics));
      const wait = isTerminal ? frameMilliseconds : lineMilliseconds;
      if (recent.length > 0 && performance.now() - drawn >= wait) draw();
    },
    note(line) {
      update?.clear();
      console.error(paintError.dim(line));
    },
    stop() {
      if (update === undefined) return;
      if (recent.length > 0) draw();
      update.done();
    },
  };
}

interface Speed {
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
}

/** From the steps' own seconds, so that evaluations and pauses do not count. */
function speedOf(recent: readonly StepMetrics[], { steps }: TrainingConfig): Speed {
  const [first, last] = [recent[0], recent.at(-1)] as [StepMetrics, StepMetrics];
  const seconds = last.seconds - first.seconds;
  const tokensPerSecond = seconds > 0 ? (last.tokens - first.tokens) / seconds : last.tokens / last.seconds;
  return { tokensPerSecond, secondsLeft: ((steps - last.step) * (last.tokens / last.step)) / tokensPerSecond };
}

function bar(recent: readonly StepMetrics[], config: TrainingConfig): string {
  const last = recent.at(-1) as StepMetrics;
  const share = last.step / config.steps;
  const full = Math.round(share * barWidth);
  const { tokensPerSecond, secondsLeft } = speedOf(recent, config);
  return [
    `${paintError.green("█".repeat(full))}${paintError.dim("░".repeat(barWidth - full))} ${(100 * share).toFixed(1)} %`,
    `step ${last.step} of ${config.steps}`,
    `${tokensPerSecond.toFixed(0)} tokens/s`,
    `${duration(secondsLeft)} left`,
    sizeText(process.memoryUsage.rss()),
  ].join("  ");
}

function lossLine(recent: readonly StepMetrics[]): string {
  const last = recent.at(-1) as StepMetrics;
  const losses = last.losses.map((_, head) => {
    const mean = recent.reduce((sum, { losses: own }) => sum + (own[head] as number), 0) / recent.length;
    return `head ${head + (last.firstHead ?? 1)} ${paintError.bold(mean.toFixed(3))}`;
  });
  const behind = (last.conditionalLosses ?? []).map((_, i) => {
    const mean =
      recent.reduce((sum, { conditionalLosses = [] }) => sum + (conditionalLosses[i] ?? 0), 0) / recent.length;
    return `${behindName(i)} ${paintError.bold(mean.toFixed(3))}`;
  });
  const norm = last.gradientNorm?.toFixed(2) ?? "overflowed";
  const details = [`learning rate ${last.learningRate.toExponential(1)}`, `gradient norm ${norm}`, ...scaling(last)];
  return `loss  ${[...losses, ...behind].join("  ")}  ${paintError.dim(details.join("  "))}`;
}

/** Of the conditional part of head i + 2: "2|1", "3|1,2". */
const behindName = (i: number): string => `${i + 2}|${Array.from({ length: i + 1 }, (_, j) => j + 1).join(",")}`;

/** In float16, the loss's scale and the steps that it cost. */
function scaling({ lossScale, skippedSteps = 0 }: StepMetrics): string[] {
  if (lossScale === undefined) return [];
  const skipped = skippedSteps > 0 ? [`${skippedSteps} skipped`] : [];
  return [`loss scale ${lossScale}`, ...skipped];
}

function held(evaluation: EvaluationMetrics | undefined): string[] {
  return evaluation === undefined ? [] : [evaluationLine(evaluation)];
}

function evaluationLine(evaluation: EvaluationMetrics): string {
  const { step, perplexities, jointPerplexities, conditionalPerplexities = [], chainPerplexities = [] } = evaluation;
  const single = perplexities.map((value, i) => `PPL_${i + 1} ${value.toFixed(2)}`);
  const joint = jointPerplexities.slice(1).map((value, i) => `PPL_1:${i + 2} ${value.toFixed(2)}`);
  const behind = conditionalPerplexities.map((value, i) => `PPL_${behindName(i)} ${value.toFixed(2)}`);
  const chain = chainPerplexities.map((value, i) => `PPL chain:${i + 2} ${value.toFixed(2)}`);
  return `held-out text at step ${step}:  ${[...single, ...joint, ...behind, ...chain].join("  ")}`;
}

function sampleLine(sample: SampleMetrics | undefined): string[] {
  if (sample === undefined) return [];
  const text = `${sample.prompt}${sample.text}`.replace(/\s+/g, " ");
  const width = Math.max(20, (process.stderr.columns || 80) - 1);
  return [paintError.dim(text.length > width ? `${text.slice(0, width - 1)}…` : text)];
}

function stepLine(recent: readonly StepMetrics[], config: TrainingConfig): string {
  const last = recent.at(-1) as StepMetrics;
  const { tokensPerSecond, secondsLeft } = speedOf(recent, config);
  const losses = [...last.losses, ...(last.conditionalLosses ?? [])].map((loss) => loss.toFixed(3)).join(" ");
  const speed = [`${tokensPerSecond.toFixed(0)} tokens/s`, `${duration(secondsLeft)} left`];
  return `step ${last.step} of ${config.steps}: loss ${[losses, ...scaling(last), ...speed].join(", ")}`;
}

function eventLine(metrics: Exclude<Metrics, StepMetrics>): string {
  switch (metrics.kind) {
    case "evaluation":
      return evaluationLine(metrics);
    case "sample":
      return `sample at step ${metrics.step}: ${metrics.prompt}${metrics.text}`;
    case "checkpoint":
      return `checkpoint: ${metrics.folder} (${metrics.seconds.toFixed(2)} s)`;
  }
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const minutes = Math.round(seconds / 60);
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
