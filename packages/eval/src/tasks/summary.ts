/** From documents' metrics to scores with standard errors. */
import { squadThreshold, type Sure } from "./squad-threshold.js";
import type { Metrics } from "./metrics.js";

export interface DocumentResult {
  readonly metrics: Metrics;
  readonly group?: string;
  /** Tokens that were cut off at the left, of all its prompts. */
  readonly truncated: number;
  /** Of a written answer. */
  readonly writing?: { readonly tokens: number; readonly passes: number; readonly isEmpty: boolean };
}

/** Documents of one file in a row. */
export interface TasksResult {
  readonly task: number;
  readonly file: number;
  readonly documents: readonly DocumentResult[];
}

/** A metric's value and its standard error. */
export interface Score {
  readonly value: number;
  /** The sample's standard deviation by √n, for a perplexity times itself (delta method); null for one document, and where none is known. */
  readonly standardError: number | null;
}

/** Scores over a group of documents, by metric. */
export interface GroupScores {
  readonly documents: number;
  readonly metrics: Readonly<Record<string, Score>>;
}

/** One task's scores. */
export interface TaskSummary extends GroupScores {
  readonly task: string;
  /** Examples before each question. */
  readonly fewShot: number;
  /** By subject, file or type, where there are several. */
  readonly groups?: Readonly<Record<string, GroupScores>>;
  /** Documents whose prompts were longer than the model's context, and the tokens that were cut off at the left. */
  readonly truncated: { readonly documents: number; readonly tokens: number };
  /** Of written answers. */
  readonly writing?: { readonly tokens: number; readonly passes: number; readonly tokensPerPass: number };
}

/** All tasks' scores. */
export interface TasksSummary {
  readonly tasks: readonly TaskSummary[];
}

export interface SummarizedTask {
  readonly name: string;
  readonly metrics: readonly string[];
  readonly fewShot: number;
  /** Names of its files in scores by group; one file is no group. */
  readonly subjects: readonly string[];
}

/** Welford's running mean and sum of squares; the sum beside them gives shares without rounding. */
interface Moments {
  count: number;
  sum: number;
  mean: number;
  squares: number;
}

interface Totals {
  documents: number;
  readonly moments: Map<string, Moments>;
}

interface TaskTotals extends Totals {
  readonly groups: Map<string, Totals>;
  readonly truncated: { documents: number; tokens: number };
  readonly writing: { tokens: number; passes: number };
  /** For SQuAD's best scores. */
  readonly sure: Sure[];
}

const newTotals = (): Totals => ({ documents: 0, moments: new Map() });

export async function summarizeTasks(
  results: AsyncIterable<TasksResult>,
  tasks: readonly SummarizedTask[],
): Promise<TasksSummary> {
  const totals = tasks.map((): TaskTotals => ({
    ...newTotals(),
    ...{ groups: new Map(), sure: [] },
    ...{ truncated: { documents: 0, tokens: 0 }, writing: { tokens: 0, passes: 0 } },
  }));
  for await (const { task, file, documents } of results) {
    const own = totals[task];
    const subjects = tasks[task]?.subjects ?? [];
    if (own === undefined) continue;
    for (const document of documents) addDocument(own, document, subjects.length > 1 ? subjects[file] : undefined);
  }
  return { tasks: tasks.map((task, i) => taskSummary(task, totals[i] as TaskTotals)) };
}

function addDocument(totals: TaskTotals, document: DocumentResult, subject: string | undefined): void {
  const { metrics, group = subject, truncated, writing } = document;
  addMetrics(totals, metrics);
  if (group !== undefined) {
    const own = totals.groups.get(group) ?? newTotals();
    totals.groups.set(group, own);
    addMetrics(own, metrics);
  }
  totals.truncated.documents += Number(truncated > 0);
  totals.truncated.tokens += truncated;
  totals.writing.tokens += writing?.tokens ?? 0;
  totals.writing.passes += writing?.passes ?? 0;
  const { noAnswer, exact = 0, f1 = 0 } = metrics;
  if (noAnswer !== undefined)
    totals.sure.push({ noAnswer, exact, f1, hasAnswer: "HasAns_f1" in metrics, isEmpty: writing?.isEmpty ?? true });
}

function addMetrics(totals: Totals, metrics: Metrics): void {
  totals.documents++;
  for (const [name, value] of Object.entries(metrics)) {
    const moments = totals.moments.get(name) ?? { count: 0, sum: 0, mean: 0, squares: 0 };
    totals.moments.set(name, moments);
    moments.count++;
    moments.sum += value;
    const difference = value - moments.mean;
    moments.mean += difference / moments.count;
    moments.squares += difference * (value - moments.mean);
  }
}

function taskSummary({ name, metrics, fewShot }: SummarizedTask, totals: TaskTotals): TaskSummary {
  const { tokens, passes } = totals.writing;
  const groups = [...totals.groups].map(([group, own]) => [group, groupScores(own, metrics)] as const);
  const scores = groupScores(totals, metrics);
  const bests = metrics.includes("best_f1") && totals.sure.length > 0 ? squadThreshold(totals.sure) : {};
  const best = Object.entries(bests).map(([metric, value]) => [metric, { value, standardError: null }]);
  return {
    ...{ task: name, fewShot, documents: totals.documents },
    metrics: { ...scores.metrics, ...(Object.fromEntries(best) as Record<string, Score>) },
    ...(groups.length > 0 ? { groups: Object.fromEntries(groups) } : {}),
    truncated: totals.truncated,
    ...(passes > 0 ? { writing: { tokens, passes, tokensPerPass: tokens / passes } } : {}),
  };
}

function groupScores({ documents, moments }: Totals, names: readonly string[]): GroupScores {
  const reported = [...moments].filter(([name]) => names.includes(name));
  return { documents, metrics: Object.fromEntries(reported.map(([name, own]) => [name, scoreOf(name, own)])) };
}

function scoreOf(name: string, { count, sum, squares }: Moments): Score {
  const mean = sum / count;
  const error = count < 2 ? null : Math.sqrt(squares / (count - 1) / count);
  if (name !== "perplexity") return { value: mean, standardError: error };
  const value = Math.exp(-mean);
  return { value, standardError: error === null ? null : value * error };
}
