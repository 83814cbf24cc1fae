/** metrics.jsonl of a run: one line an event, so that any tool can follow it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "@dynamo/model/convert";
import { checkValue, isPlainObject, listOf, text, valueCheck, whole, type ValueCheck } from "@dynamo/core/options";
import { folderCheck } from "../../arguments.js";
import { appendText } from "../files/run-files.js";

/** What one training step measured. */
export interface StepMetrics {
  readonly kind: "step";
  readonly step: number;
  readonly losses: readonly number[];
  /** Of heads 2..N behind the true tokens between; absent without conditional parts. */
  readonly conditionalLosses?: readonly number[];
  /** The head of the first loss, where it is not head 1: a frozen head 1 on a stem session is only evaluated. */
  readonly firstHead?: number;
  /** Of all gradients together, before clipping; absent where they overflowed and the step was left out. */
  readonly gradientNorm?: number;
  /** In float16: what the next step's loss is multiplied by, and how many steps of the run were left out. */
  readonly lossScale?: number;
  readonly skippedSteps?: number;
  readonly learningRate: number;
  readonly headLearningRate: number;
  /** Tokens trained on since the run began. */
  readonly tokens: number;
  /** Seconds of training since the run began, pauses between resumptions left out. */
  readonly seconds: number;
  /** Seconds of this step that were spent waiting for data. */
  readonly dataSeconds: number;
}

/** Losses on held-out text. */
export interface EvaluationMetrics {
  readonly kind: "evaluation";
  readonly step: number;
  /** Mean loss of each head on held-out text, in nats. */
  readonly losses: readonly number[];
  /** PPL_1 to PPL_N, and PPL_1:n at index n - 1. */
  readonly perplexities: readonly number[];
  readonly jointPerplexities: readonly number[];
  /** Of heads 2..N behind the true tokens between, PPL_n|1.., and by the chain rule PPL chain:n at index n - 2; absent without conditional parts. */
  readonly conditionalLosses?: readonly number[];
  readonly conditionalPerplexities?: readonly number[];
  readonly chainPerplexities?: readonly number[];
}

/** A text that the model wrote during training. */
export interface SampleMetrics {
  readonly kind: "sample";
  readonly step: number;
  readonly prompt: string;
  readonly text: string;
}

export interface CheckpointMetrics {
  readonly kind: "checkpoint";
  readonly step: number;
  readonly folder: string;
  readonly seconds: number;
}

/** A line of a run's metrics. */
export type Metrics = StepMetrics | EvaluationMetrics | SampleMetrics | CheckpointMetrics;

const number = valueCheck<number>("a number", (value) => typeof value === "number");
const numbers = listOf(number, "a list of numbers");
/** A run goes on behind whole steps, and curves are drawn along them. */
const step = whole(0);
const perMember: Readonly<Record<Metrics["kind"], Readonly<Record<string, ValueCheck>>>> = {
  step: {
    step,
    losses: numbers,
    learningRate: number,
    headLearningRate: number,
    tokens: number,
    seconds: number,
    dataSeconds: number,
  },
  evaluation: { step, losses: numbers, perplexities: numbers, jointPerplexities: numbers },
  sample: { step, prompt: text, text },
  checkpoint: { step, folder: text, seconds: number },
};
const optional: Readonly<Record<string, ValueCheck>> = {
  firstHead: number,
  gradientNorm: number,
  lossScale: number,
  skippedSteps: number,
  conditionalLosses: numbers,
  conditionalPerplexities: numbers,
  chainPerplexities: numbers,
};

function isMetrics(value: unknown): value is Metrics {
  if (!isPlainObject(value)) return false;
  const entry = value as Readonly<Record<string, unknown>>;
  const kind = entry["kind"];
  if (typeof kind !== "string" || !Object.hasOwn(perMember, kind)) return false;
  const needed = Object.entries(perMember[kind as Metrics["kind"]]);
  const given = Object.entries(optional).filter(([name]) => entry[name] !== undefined);
  return [...needed, ...given].every(([name, check]) => check.accepts(entry[name]));
}

/** What `readMetrics` resolves to. */
export const metricsCheck = listOf(
  valueCheck<Metrics>("", isMetrics),
  "a run's metrics, as readMetrics() resolves to: steps, evaluations, samples and checkpoints",
);

/** The file of a run's metrics. */
export function metricsPath(run: string): string {
  checkValue("run", run, folderCheck);
  return join(run, "metrics.jsonl");
}

export const appendMetrics = (run: string, metrics: Metrics): Promise<void> =>
  appendText(metricsPath(run), `${JSON.stringify(metrics)}\n`);

/** A run's metrics so far; none when there is no file. */
export async function readMetrics(run: string): Promise<Metrics[]> {
  const text = await readFile(metricsPath(run), "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    // A process that was killed may have left half a line.
    try {
      const entry: unknown = line === "" ? undefined : JSON.parse(line);
      return isMetrics(entry) ? [entry] : [];
    } catch {
      return [];
    }
  });
}

/** Drops what a killed process did after its last checkpoint: those steps are about to be done again. */
export async function rewindMetrics(run: string, step: number): Promise<void> {
  const kept = (await readMetrics(run)).filter((metrics) => metrics.step <= step);
  await writeFileAtomically(metricsPath(run), kept.map((metrics) => `${JSON.stringify(metrics)}\n`).join(""));
}

/** PPL_n = exp(loss of head n), PPL_1:n = exp(mean of the first n losses). */
export function perplexities(losses: readonly number[]): Pick<EvaluationMetrics, "perplexities" | "jointPerplexities"> {
  let sum = 0;
  return {
    perplexities: losses.map((loss) => Math.exp(loss)),
    jointPerplexities: losses.map((loss, i) => Math.exp((sum += loss) / (i + 1))),
  };
}

type Conditional = Pick<EvaluationMetrics, "conditionalLosses" | "conditionalPerplexities" | "chainPerplexities">;

/** What conditional parts are good for: nothing without them. */
export function conditionalPerplexities(losses: readonly number[], conditionalLosses: readonly number[]): Conditional {
  if (conditionalLosses.length === 0) return {};
  let sum = losses[0] as number;
  return {
    conditionalLosses,
    conditionalPerplexities: conditionalLosses.map((loss) => Math.exp(loss)),
    chainPerplexities: conditionalLosses.map((loss, i) => Math.exp((sum += loss) / (i + 2))),
  };
}
