/** A batch without a server: requests of one file, answers into another, which is also the record of what is done. */
import { open, stat, truncate, type FileHandle } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { createInference, type Inference } from "../inference/inference.js";
import { checkBatchFile } from "../server-checks.js";
import { checkInput } from "./check-input.js";
import { isFault, parseRequest, readLines, type TextLine } from "./input.js";
import { answerLine, runLine } from "./line.js";
import type { BatchFileOptions } from "./offline-options.js";
import { eachAtOnce } from "./pool.js";

/** What became of a file of requests. */
export interface BatchFileResult {
  readonly total: number;
  /** Answers that were there before. */
  readonly before: number;
  /** Answers that say what is wrong with their request. */
  readonly refused: number;
  /** Lines without an answer, for which the model failed again and again. */
  readonly failed: number;
}

/** Throws `invalid-file` for an input that is no batch, `aborted` when the signal fires: what is finished is in the output. */
export async function runBatchFile(options: BatchFileOptions): Promise<BatchFileResult> {
  checkBatchFile(options);
  const { input, output, model, signal } = options;
  const total = await checked(input);
  const done = await finishedIds(output);
  if (done.size >= total) return { total, before: done.size, refused: 0, failed: 0 };
  const file = await open(output, "a").catch((cause: unknown) => {
    throw new DynamoError("not-found", `the output ${output} cannot be written`, { cause });
  });
  const inference = createInference({
    settings: model.settings,
    onPass: () => undefined,
    onState: () => undefined,
    log: (level, line) => {
      if (level === "error") options.log(line);
    },
  });
  try {
    await inference.start();
    return await computeAll(options, inference, appender(file), total, done);
  } finally {
    await file.close();
    await inference.close(signal.aborted ? 0 : 1_000);
  }
}

async function checked(input: string): Promise<number> {
  const found = await stat(input).catch((cause: unknown) => {
    throw new DynamoError("not-found", `the file ${input} cannot be read`, { cause });
  });
  if (!found.isFile()) throw new DynamoError("invalid-file", `${input}: expected a file of requests, received none`);
  const { total, faults } = await checkInput(input, undefined, Infinity);
  if (faults.length > 0)
    throw new DynamoError("invalid-file", `${input}: ${faults.map(({ message }) => message).join("; ")}`);
  return total;
}

async function computeAll(
  { input, model, seconds, signal, onProgress }: BatchFileOptions,
  inference: Inference,
  append: (line: string) => Promise<void>,
  total: number,
  done: ReadonlySet<string>,
): Promise<BatchFileResult> {
  const context = { models: new Map([[model.name, inference]]), options: { models: [model] as const } };
  const watch = () => ({ onChunk: () => undefined, onEnd: () => undefined, onError: () => undefined });
  let [count, refused, failed] = [done.size, 0, 0];
  const compute = async (line: TextLine): Promise<void> => {
    const request = parseRequest(line);
    if (isFault(request) || done.has(request.custom_id)) return;
    const answer = await runLine(request, "", { context, seconds, watch }, signal);
    if (answer.status >= 500) failed++;
    else {
      if (answer.status !== 200) refused++;
      await append(answerLine("offline", request.custom_id, answer));
    }
    onProgress(++count, total);
  };
  try {
    // Twice the slots: one that is freed has its next line at once.
    await eachAtOnce(readLines(input), 2 * model.settings.slots, compute);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new DynamoError("aborted", `${count} of ${total} lines are finished: the same command goes on`);
  }
  return { total, before: done.size, refused, failed };
}

/** One line after another, each on the disk before its request counts as finished. */
function appender(file: FileHandle): (line: string) => Promise<void> {
  let last = Promise.resolve();
  const write = async (line: string): Promise<void> => {
    try {
      await file.appendFile(`${line}\n`);
      await file.datasync();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DynamoError("runtime", `the output cannot be written: ${reason}; what is in it stays`, { cause });
    }
  };
  return (line) => (last = last.then(() => write(line)));
}

/** Of each line that is written here: what else an output ends with is somebody's text, and no line that was cut off. */
const beginning = '{"id":"batch_req_';
/** Answers of many texts with their log-probabilities are long. */
const mostAnswerBytes = 2 ** 29;

/** Of an output's whole lines; one that was cut off is removed. Throws `invalid-file` for a file that is no output. */
async function finishedIds(output: string): Promise<Set<string>> {
  const done = new Set<string>();
  const found = await stat(output).catch(() => undefined);
  if (found === undefined) return done;
  let whole = 0;
  for await (const { text, number, end } of readLines(output, { mostBytes: mostAnswerBytes })) {
    const id = customIdOf(text);
    const isCutOff = end === found.size && (text.startsWith(beginning) || beginning.startsWith(text));
    if (id === undefined && !isCutOff)
      throw new DynamoError("invalid-file", `${output}, line ${number}: expected an answer of a batch`);
    if (id === undefined || (end === found.size && !(await endsWithLineFeed(output, end)))) continue;
    done.add(id);
    whole = end;
  }
  if (whole < found.size) await truncate(output, whole);
  return done;
}

async function endsWithLineFeed(path: string, size: number): Promise<boolean> {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  await file.close();
  return buffer[0] === 10;
}

function customIdOf(text: string): string | undefined {
  try {
    const { custom_id: id } = JSON.parse(text) as { custom_id?: unknown };
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}
