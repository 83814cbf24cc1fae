/** One line's request, through the very job that HTTP's requests become, and its answer as a line of the output. */
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { workOf } from "../openai/routes.js";
import type { TextWork } from "../text-work.js";
import { startChoices, wholeAnswer, type AnswerEvents } from "../openai/answer.js";
import { apiErrorOf, ApiError } from "../openai/errors.js";
import { chatJob, completionJob, type Job } from "../openai/job.js";
import { modelFor, type Models } from "../openai/models.js";
import { chatBody, completionBody } from "../openai/schemas.js";
import { validated } from "../openai/validate.js";
import type { BatchRequest } from "./input.js";

export interface LineAnswer {
  readonly status: number;
  readonly body: object;
}

export interface LineOptions {
  readonly context: Models;
  /** Seconds that one line may take, without its wait for a model that is busy. */
  readonly seconds: number;
  readonly watch: (work: TextWork) => AnswerEvents;
}

/** A line that ends its inference process, or finds no memory, is tried so often. */
const mostAttempts = 3;
/** Milliseconds before a model that is busy is asked again. */
const [firstPause, mostPause] = [250, 5_000];

/** Errors are answers too. Rejects only when the signal fires; the owner's texts that are computed already are made use of. */
export async function runLine(
  { url, body }: BatchRequest,
  owner: string,
  options: LineOptions,
  signal: AbortSignal,
): Promise<LineAnswer> {
  let failures = 0;
  for (let pause = firstPause; ; pause = Math.min(2 * pause, mostPause)) {
    try {
      return { status: 200, body: await compute(url, body, owner, options, signal) };
    } catch (error) {
      signal.throwIfAborted();
      const { status, body: answer } = apiErrorOf(error);
      const isBusy = ["overloaded", "queue_full"].includes(answer.error.code ?? "");
      if (!isBusy && status >= 500) failures++;
      if ((status < 500 && !isBusy) || failures >= mostAttempts) return { status, body: answer };
    }
    await delay(pause, undefined, { signal });
  }
}

async function compute(
  url: BatchRequest["url"],
  body: object,
  owner: string,
  { context, seconds, watch }: LineOptions,
  signal: AbortSignal,
): Promise<object> {
  const { job, wanted } = jobOf(url, body, owner);
  const { name, inference } = modelFor(context, wanted, job.kind);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const late = setTimeout(stop, 1000 * seconds);
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    const id = `${job.kind === "chat" ? "chatcmpl" : "cmpl"}-${randomUUID()}`;
    const head = { id, created: Math.floor(Date.now() / 1000), model: name };
    return await wholeAnswer(job, head, await startChoices(inference, job, abort), watch(workOf(job, head)));
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", stop);
  }
}

function jobOf(url: BatchRequest["url"], body: object, owner: string): { job: Job; wanted: string | undefined } {
  const parsed =
    url === "/v1/completions"
      ? { kind: "completion" as const, body: validated(completionBody, body) }
      : { kind: "chat" as const, body: validated(chatBody, body) };
  const { stream, model } = parsed.body;
  if (stream === true) throw new ApiError(400, "stream: a batch's lines are no streams", { param: "stream" });
  // A turn of its own in the queue: batches take turns with the requests of HTTP, and do not come before them.
  const asker = { key: `batch/${owner}`, owner };
  const job = parsed.kind === "completion" ? completionJob(parsed.body, asker) : chatJob(parsed.body, asker);
  return { job, wanted: model };
}

/** The line of an output or error file. */
export const answerLine = (batch: string, customId: string, { status, body }: LineAnswer): string =>
  JSON.stringify({
    id: lineId(batch, customId),
    custom_id: customId,
    response: { status_code: status, request_id: lineId(`${batch}/request`, customId), body },
    error: null,
  });

/** The line of an error file for a request that was never computed. */
export const unansweredLine = (batch: string, customId: string, code: string, message: string): string =>
  JSON.stringify({ id: lineId(batch, customId), custom_id: customId, response: null, error: { code, message } });

const lineId = (batch: string, customId: string): string =>
  `batch_req_${createHash("sha256").update(`${batch}\n${customId}`).digest("hex").slice(0, 32)}`;
