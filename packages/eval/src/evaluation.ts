/**
 * An evaluation is a list of independent jobs and what their results say together. Whoever has the spec has the same jobs
 * in the same order, so that any number of processes share them, and the results merge to the same bytes whatever the split.
 */
import type { LoadedModel } from "@dynamo/model";

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
/** A JSON object. */
export type JsonObject = Readonly<Record<string, Json>>;

/** What processes share the jobs of, evaluations and others. Jobs and results are plain JSON: they are sent to other processes. */
export interface Work<Job = unknown, Result = unknown> {
  readonly kind: string;
  /** Everything that the results depend on, files by their hashes: results of other settings are never mixed with these. */
  readonly settings: JsonObject;
  /** Folders of the models that the jobs use: results name what was in them. */
  readonly models?: readonly string[];
  /** The result depends on the job alone, not on the jobs before it. */
  run(job: Job, worker: EvalWorker): Promise<Result>;
}

/** Jobs, results and summaries are plain JSON: they are written to files and sent to other processes. */
export interface Evaluation<Job = unknown, Result = unknown, Summary = unknown> extends Work<Job, Result> {
  /** Why its jobs may not run in several processes at once, where they may not: "it measures time". */
  readonly alone?: string;
  /** Always the same ones in the same order. A job stays small: it names a part of a file, it does not hold it. */
  jobs(worker: EvalWorker): AsyncIterable<Job> | Iterable<Job>;
  /** Of all the jobs' results, in the order of the jobs. */
  summarize(results: AsyncIterable<Result>): Promise<Summary>;
}

/** `alone` of evaluations whose results hold wall-clock times. */
export const measuresTime = "it measures time, and other processes would take it";

/** What a job may use: models stay loaded from one job to the next. */
export interface EvalWorker {
  /** A model or checkpoint folder. */
  model(folder: string): Promise<LoadedModel>;
  /** A folder for files that jobs of this process need again, such as a text's tokens; gone when the process has no more jobs. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}
