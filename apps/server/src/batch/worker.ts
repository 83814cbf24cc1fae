/** A process's work on batches: steps as they come, and the lines of one part at a time. */
import { setTimeout as delay } from "node:timers/promises";
import { workOn, type QueuedJob, type Touch, type WorkOutcome } from "@dynamo/jobs";
import type { BatchStore } from "./batch-store.js";
import type { FileStore } from "./file-store.js";
import { isFault, parseRequest, readLines, type BatchRequest, type TextLine } from "./input.js";
import { answerLine, type LineAnswer } from "./line.js";
import { eachAtOnce } from "./pool.js";
import { queues, type BatchQueue, type PartJob, type StepJob } from "./queue.js";
import { isComplete, isLate, takeStep } from "./steps.js";
import type { BatchRow } from "./tables.js";

export interface WorkerOptions {
  readonly store: BatchStore;
  readonly files: FileStore;
  readonly queue: BatchQueue;
  readonly mostLines: number;
  /** Computed at once; 0 leaves all lines to other processes. */
  readonly linesAtOnce: number;
  readonly run: (request: BatchRequest, owner: string, signal: AbortSignal) => Promise<LineAnswer>;
  readonly log: (level: "info" | "error", line: string) => void;
}

export interface BatchWorker {
  /** There is something to do. */
  wake(): void;
  /** Begins no line any more, waits for those under way, and gives them up after so many milliseconds. */
  close(patience: number): Promise<void>;
}

/** Milliseconds between two looks into the queue, after an error of the database, and between two looks for what is due. */
const [idle, afterError, betweenSweeps] = [500, 2_000, 5_000];

/** Fires when the process is to end (`draining`: begin nothing; `stop`: give up what runs). */
interface Ending {
  readonly draining: AbortSignal;
  readonly stop: AbortSignal;
}

export function startWorker(options: WorkerOptions): BatchWorker {
  const draining = new AbortController();
  const stop = new AbortController();
  const ending: Ending = { draining: draining.signal, stop: stop.signal };
  let wakeUp = new AbortController();
  const pause = async (milliseconds: number): Promise<void> => {
    const signal = AbortSignal.any([draining.signal, wakeUp.signal]);
    await delay(milliseconds, undefined, { signal }).catch(() => undefined);
  };
  const wake = (): void => {
    wakeUp.abort();
    wakeUp = new AbortController();
  };
  const loop = async (work: () => Promise<boolean>): Promise<void> => {
    while (!draining.signal.aborted) {
      try {
        if (!(await work())) await pause(idle);
      } catch (error) {
        options.log("error", `batches: ${error instanceof Error ? error.message : String(error)}`);
        await delay(afterError, undefined, { signal: draining.signal }).catch(() => undefined);
      }
    }
  };
  const { linesAtOnce } = options;
  const jobs = { queue: options.queue.jobs, log: options.log };
  const loops = Promise.all([
    loop(() =>
      workOn<StepJob>(queues.step, jobs, async ({ data }) => {
        await takeStep(data.batch, options);
        return "done";
      }),
    ),
    loop(() => sweep(options, pause)),
    ...(linesAtOnce === 0
      ? []
      : [loop(() => workOn<PartJob>(queues.part, jobs, (job, touch) => computePart(job, touch, options, ending)))]),
    loop(() => workOn<PartJob>(queues.lost, jobs, ({ data }) => giveUpPart(data, options))),
  ]);
  return {
    wake,
    async close(patience) {
      draining.abort();
      const late = setTimeout(() => stop.abort(), patience);
      await loops;
      clearTimeout(late);
    },
  };
}

async function sweep(
  { store, queue }: WorkerOptions,
  pause: (milliseconds: number) => Promise<void>,
): Promise<boolean> {
  for (const id of await store.due()) await queue.sendStep(id);
  await store.forget();
  await pause(betweenSweeps);
  return true;
}

const takesLines = (batch: BatchRow | undefined): batch is BatchRow =>
  batch?.status === "in_progress" && !isLate(batch);

/** "not yet" when lines are left because the process is to end. */
async function computePart(
  { data }: QueuedJob<PartJob>,
  touch: Touch,
  options: WorkerOptions,
  { draining, stop }: Ending,
): Promise<WorkOutcome> {
  const { store, queue, linesAtOnce } = options;
  const batch = await store.find(data.batch);
  if (!takesLines(batch)) return "done";
  const over = new AbortController();
  const look = setInterval(() => {
    store.find(batch.id).then(
      (found) => (takesLines(found) ? undefined : over.abort()),
      () => undefined,
    );
  }, 1000);
  const signal = AbortSignal.any([stop, touch.lost, over.signal]);
  try {
    await eachAtOnce(
      openLines(data, batch, options, AbortSignal.any([draining, signal])),
      linesAtOnce,
      async (line) => {
        await computeLine(line, batch, options, signal);
        touch.advanced = true;
      },
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(look);
  }
  const after = await store.find(batch.id);
  if (after !== undefined && isComplete(after)) await queue.sendStep(batch.id);
  return draining.aborted && takesLines(after) ? "not yet" : "done";
}

/** The part's lines that have no answer yet. */
async function* openLines(
  { first, start, end }: PartJob,
  { id, input_file_id: inputId }: BatchRow,
  { store, files }: WorkerOptions,
  signal: AbortSignal,
): AsyncGenerator<TextLine, void> {
  const finished = await store.finished(id, first);
  for await (const line of readLines(files.pathOf(inputId), { start, end, first })) {
    if (signal.aborted) return;
    if (!finished.has(line.number)) yield line;
  }
}

async function computeLine(
  line: TextLine,
  { id, owner }: BatchRow,
  { store, run }: WorkerOptions,
  signal: AbortSignal,
): Promise<void> {
  const request = parseRequest(line);
  // The whole file was checked: somebody has changed it since.
  if (isFault(request)) throw new TypeError(request.message);
  const answer = await run(request, owner, signal);
  const ok = answer.status === 200;
  await store.record(id, { line: line.number, ok, answer: answerLine(id, request.custom_id, answer) });
}

/** Its workers ended again and again without a new line: its other lines fail, and the batch goes on. */
async function giveUpPart(data: PartJob, { store, files, queue }: WorkerOptions): Promise<WorkOutcome> {
  const batch = await store.find(data.batch);
  if (batch?.status !== "in_progress") return "done";
  const finished = await store.finished(batch.id, data.first);
  const error = { message: "the worker ended again and again", type: "server_error", param: null, code: "worker_lost" };
  for await (const line of readLines(files.pathOf(batch.input_file_id), data)) {
    const request = parseRequest(line);
    if (finished.has(line.number) || isFault(request)) continue;
    const answer = answerLine(batch.id, request.custom_id, { status: 500, body: { error } });
    await store.record(batch.id, { line: line.number, ok: false, answer });
  }
  await queue.sendStep(batch.id);
  return "done";
}
