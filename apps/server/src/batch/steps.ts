/** What happens to a batch besides its lines: it is checked, put into the queue in parts, and its files are written. */
import { checkInput } from "./check-input.js";
import type { BatchStore, FinishedLine } from "./batch-store.js";
import type { FileStore } from "./file-store.js";
import { isFault, parseRequest, readLines } from "./input.js";
import { unansweredLine } from "./line.js";
import type { BatchQueue } from "./queue.js";
import type { BatchRow } from "./tables.js";

export interface StepOptions {
  readonly store: BatchStore;
  readonly files: FileStore;
  readonly queue: BatchQueue;
  readonly mostLines: number;
}

/** May be done twice, by two workers at once and after one was killed at any place: the outcome is the same. */
export async function takeStep(id: string, options: StepOptions): Promise<void> {
  const { store } = options;
  const batch = await store.find(id);
  if (batch === undefined) return;
  if (batch.status === "validating") return validate(batch, options);
  if (batch.status === "cancelling") return writeFiles(batch, "cancelled", options);
  if (batch.status === "in_progress") {
    if (batch.queued === 0) await enqueue(batch, options);
    if (!isComplete(batch) && !isLate(batch)) return;
    await store.move(id, ["in_progress"], "finalizing");
  } else if (batch.status !== "finalizing") return;
  // What was recorded until now counts.
  const last = await store.find(id);
  if (last?.status === "finalizing") await writeFiles(last, isComplete(last) ? "completed" : "expired", options);
}

export const isComplete = ({ total, completed, failed }: BatchRow): boolean => completed + failed >= total;
export const isLate = ({ expires_at: expires }: BatchRow): boolean => expires < Date.now() / 1000;

async function validate(batch: BatchRow, options: StepOptions): Promise<void> {
  const { store, files, queue, mostLines } = options;
  const { id, owner, endpoint, input_file_id: inputId } = batch;
  const input = await files.find(inputId, owner);
  const missing = {
    code: "file_not_found",
    message: `the input file ${inputId} is not there`,
    param: null,
    line: null,
  };
  const { total, parts, faults } =
    input === undefined
      ? { total: 0, parts: [], faults: [missing] }
      : await checkInput(files.pathOf(inputId), endpoint, mostLines);
  if (faults.length > 0) return store.fail(id, faults);
  await store.begin(id, total);
  await queue.sendParts(id, parts);
  await store.setQueued(id);
}

/** A worker was killed between the batch's beginning and the last of its parts. */
async function enqueue({ id, endpoint, input_file_id: inputId }: BatchRow, options: StepOptions): Promise<void> {
  const { store, files, queue, mostLines } = options;
  const { parts } = await checkInput(files.pathOf(inputId), endpoint, mostLines);
  await queue.sendParts(id, parts);
  await store.setQueued(id);
}

const unfinished = {
  completed: { code: "batch_expired", message: "" },
  expired: { code: "batch_expired", message: "the batch's completion window ended before this request was computed" },
  cancelled: { code: "batch_cancelled", message: "the batch was cancelled before this request was computed" },
} as const;

async function writeFiles(batch: BatchRow, status: keyof typeof unfinished, options: StepOptions): Promise<void> {
  const { id, owner } = batch;
  const { store, files } = options;
  // Their names come from the batch: whoever writes them again replaces them.
  const name = id.replace(/^batch_/, "file-");
  const counts = { completed: 0, failed: 0 };
  const write = async (suffix: "output" | "errors", lines: AsyncIterable<string>): Promise<string | null> => {
    const staged = await files.stage(lines, Infinity);
    if (staged.bytes === 0) {
      await staged.drop();
      return null;
    }
    const filename = `${id}_${suffix}.jsonl`;
    return (await staged.keep({ id: `${name}-${suffix}`, owner, filename, purpose: "batch_output" })).id;
  };
  const output = counting(store.answers(id), true, (n) => (counts.completed = n));
  const outputFileId = await write("output", output);
  const errorFileId = await write(
    "errors",
    errorLines(batch, status, options, (n) => (counts.failed = n)),
  );
  await store.end(id, { status, ...counts, outputFileId, errorFileId });
}

async function* counting(
  lines: AsyncIterable<FinishedLine>,
  ok: boolean,
  onEnd: (count: number) => void,
): AsyncGenerator<string, void> {
  let count = 0;
  for await (const line of lines) {
    if (line.ok !== ok) continue;
    count++;
    yield `${line.answer}\n`;
  }
  onEnd(count);
}

/** What went wrong, and then what was never computed. */
async function* errorLines(
  batch: BatchRow,
  status: keyof typeof unfinished,
  { store, files }: StepOptions,
  onFailed: (count: number) => void,
): AsyncGenerator<string, void> {
  yield* counting(store.answers(batch.id), false, onFailed);
  const finished = await store.finished(batch.id, 0);
  if (status === "completed" || batch.total === 0) return;
  const { code, message } = unfinished[status];
  for await (const line of readLines(files.pathOf(batch.input_file_id))) {
    const parsed = parseRequest(line);
    if (finished.has(line.number) || isFault(parsed)) continue;
    yield `${unansweredLine(batch.id, parsed.custom_id, code, message)}\n`;
  }
}
