/** run.lock of a folder: one process works in it at a time. A process that was killed leaves it, and the next one takes it over. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DynamoError } from "@dynamo/core";
import { checkOptions, checkValue, required, text as textCheck } from "@dynamo/core/options";
import { folderCheck } from "../../arguments.js";
import { writeError } from "@dynamo/model/convert";
import { z } from "zod";

/** A run's folder, held by this process alone. */
export interface RunLock {
  /** One line about a lock that was left behind and taken over. */
  readonly note: string | undefined;
  /** Gives the folder free; one that this lock made and nothing was written to is removed. */
  release(): Promise<void>;
}

const holder = z.object({
  pid: z.int().min(1),
  host: z.string(),
  /** When its work began, for people. */
  started: z.string(),
  /** Where the system tells it, when the process itself began: a number of a process is given out again. */
  processStart: z.string().optional(),
});
type Holder = z.output<typeof holder>;

/** A lock is made and written in two steps: one that is still empty after this was left between them. */
const patience = { times: 20, milliseconds: 50 } as const;

/** How an error speaks of the lock's holder. */
export interface LockWords {
  /** Of the holder, in the error: "trains in", "evaluates in". */
  readonly works: string;
  /** What stopping it does. */
  readonly stopping: string;
}

const training: LockWords = { works: "trains in", stopping: "Ctrl-C writes a checkpoint" };

/** Throws `invalid-argument`, naming the process, when another one works in the folder. */
export async function lockRun(run: string, words: LockWords = training): Promise<RunLock> {
  checkValue("run", run, folderCheck);
  checkOptions("lockRun()", words, { works: required(textCheck), stopping: required(textCheck) });
  const path = join(run, "run.lock");
  const made = await mkdir(run, { recursive: true }).catch((error: unknown) => {
    throw writeError(error, run);
  });
  try {
    const note = (await create(path)) ? undefined : await takeOver(path, words);
    const release = async (): Promise<void> => {
      await rm(path, { force: true });
      await removeEmpty(run, made);
    };
    return { note, release };
  } catch (error) {
    await removeEmpty(run, made);
    throw error;
  }
}

/** False when there is a lock already. */
async function create(path: string): Promise<boolean> {
  const processStart = await processStartOf(process.pid);
  const own: Holder = { pid: process.pid, host: hostname(), started: new Date().toISOString(), processStart };
  try {
    await writeFile(path, `${JSON.stringify(own)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    await rm(path, { force: true });
    throw writeError(error, path);
  }
}

/** Moves away a lock whose process is gone, and makes one of its own; of several processes that try, one succeeds. */
async function takeOver(path: string, words: LockWords): Promise<string | undefined> {
  const text = await readWritten(path);
  if (text !== undefined) {
    const other = parseHolder(text);
    if (other !== undefined && (await lives(other))) throw heldBy(other, path, words);
    const aside = `${path}.${randomUUID()}`;
    await rename(path, aside).catch(ignoreMissing);
    const moved = await readFile(aside, "utf8").catch(() => text);
    // Another process was faster, and what was moved is its lock: it goes back.
    if (moved !== text) await rename(aside, path);
    else await rm(aside, { force: true });
    if (await create(path)) return `took over a run that ${nameOf(other)} left behind`;
  } else if (await create(path)) return undefined;
  const faster = parseHolder((await readWritten(path)) ?? "");
  throw heldBy(faster, path, words);
}

/** Undefined when the lock is gone by now; "" for one that was never written. */
async function readWritten(path: string): Promise<string | undefined> {
  for (let i = 0; i < patience.times; i++) {
    const text = await readFile(path, "utf8").catch(ignoreMissing);
    if (text !== "") return text;
    await setTimeout(patience.milliseconds);
  }
  return "";
}

function parseHolder(text: string): Holder | undefined {
  try {
    return holder.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Of another machine's processes nothing is known: they count as alive. */
async function lives({ pid, host, processStart }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const start = await processStartOf(pid);
  return processStart === undefined || start === undefined || start === processStart;
}

/** Clock ticks from the machine's start to the process's, where there is /proc. */
async function processStartOf(pid: number): Promise<string | undefined> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field is the program's name in brackets, which may hold blanks; the start is the 22nd.
  return status.slice(status.lastIndexOf(")") + 2).split(" ")[19];
}

const nameOf = (other: Holder | undefined): string =>
  other === undefined ? "another process" : `process ${other.pid} on ${other.host}, begun ${other.started},`;

function heldBy(other: Holder | undefined, path: string, { works, stopping }: LockWords): DynamoError {
  const known = other?.host === hostname() ? `wait for it, or stop it (${stopping})` : "stop it";
  return new DynamoError(
    "invalid-argument",
    `${nameOf(other)} ${works} ${dirname(path)}: ${known}, or choose another folder; if it does not run any more, delete ${path}`,
  );
}

/** Removes the folder, and those above it that were made for it, while nothing lies in them. */
async function removeEmpty(run: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  try {
    for (let at = resolve(run); at.length >= resolve(made).length; at = dirname(at)) await rmdir(at);
  } catch {
    // Something was written there: it stays.
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}
