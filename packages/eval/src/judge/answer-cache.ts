/** Answers of judges on the disk, a JSON object a line, only ever appended to: nothing that was paid for is asked again. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { appendFile, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { DynamoError } from "@dynamo/core";
import { number, object, string } from "zod";
import { jsonOf } from "../text-file.js";
import type { Answer, Question } from "./endpoint.js";

export interface AnswerCache {
  get(key: string): Answer | undefined;
  /** On the disk when it resolves. */
  put(key: string, answer: Answer): Promise<void>;
}

const entry = object({ key: string(), text: string(), promptTokens: number(), completionTokens: number() });

/** Held in memory whole: a hundred thousand verdicts with their explanations. */
const mostBytes = 2 ** 30;

/** Of the judge's model, its question, and the attempt: a malformed verdict is asked again, not read again. */
export const answerKey = (model: string, question: Question, attempt: number): string =>
  createHash("sha256")
    .update(JSON.stringify([model, question, attempt]))
    .digest("hex");

/** Without a path it lasts as long as the process. A line that a killed process left half is passed over. */
export async function openAnswerCache(path: string | undefined): Promise<AnswerCache> {
  const answers = new Map<string, Answer>();
  if (path !== undefined) await load(path, answers);
  let before = path !== undefined && (await endsInsideLine(path)) ? "\n" : "";
  return {
    get: (key) => answers.get(key),
    async put(key, answer) {
      answers.set(key, answer);
      if (path === undefined) return;
      const line = `${before}${JSON.stringify({ key, ...answer })}\n`;
      before = "";
      await appendFile(path, line);
    },
  };
}

async function load(path: string, answers: Map<string, Answer>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const size = (await stat(path).catch(() => undefined))?.size;
  if (size === undefined) return;
  if (size > mostBytes)
    throw new DynamoError("invalid-file", `${path}: expected at most ${mostBytes} bytes, received ${size}`);
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const { data } = entry.safeParse(jsonOf(line));
    if (data === undefined) continue;
    const { key, ...answer } = data;
    answers.set(key, answer);
  }
}

async function endsInsideLine(path: string): Promise<boolean> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { size } = await file.stat();
    if (size === 0) return false;
    const last = new Uint8Array(1);
    await file.read(last, 0, 1, size - 1);
    return last[0] !== 10;
  } finally {
    await file.close();
  }
}
