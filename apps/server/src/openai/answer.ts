/** From the inference process's events to an answer: one JSON body, or server-sent events. */
import type { Inference, InferenceEvent } from "../inference/inference.js";
import type { InferenceEnd, WireLogprob } from "../inference/messages.js";
import { chatForm, completionForm, usageOf, type AnswerHead, type ChoicePart } from "./bodies.js";
import { apiErrorOf } from "./errors.js";
import { checkCount, type Job } from "./job.js";

export interface Choice {
  readonly index: number;
  /** The prompt as text. */
  readonly prompt: string;
  readonly events: ReadableStreamDefaultReader<InferenceEvent>;
}

/** Told of what comes, for metrics. */
export interface AnswerEvents {
  readonly onChunk: (choice: number) => void;
  readonly onEnd: (end: InferenceEnd) => void;
}

/**
 * All the job's texts under way: rejects when any of them is refused, and then none goes on. When there is room for the
 * first, the others come in with it: a request for many texts shall not wait for ever for a queue that is never empty.
 */
export async function startChoices(inference: Inference, job: Job, abort: AbortController): Promise<Choice[]> {
  checkCount(job, inference.capacity);
  const start = async (index: number): Promise<Choice> => {
    const request = { ...(job.requests[index] as Job["requests"][number]), joins: index > 0, whole: !job.stream };
    const events = (await inference.submit(request, abort.signal)).getReader();
    const first = await events.read();
    return { index, prompt: first.value?.kind === "taken" ? first.value.prompt : "", events };
  };
  try {
    const first = await start(0);
    const others = job.requests.slice(1).map((_, i) => start(i + 1));
    return [first, ...(await Promise.all(others))];
  } catch (error) {
    abort.abort(error);
    throw error;
  }
}

const formOf = ({ kind }: Job): typeof completionForm => (kind === "chat" ? chatForm : completionForm);

/** Prompts of the job: its texts of one prompt stand side by side. */
const promptCount = ({ requests }: Job): number => requests.filter(({ index }) => index === 0).length;

export async function wholeAnswer(
  job: Job,
  head: AnswerHead,
  choices: readonly Choice[],
  events: AnswerEvents,
): Promise<object> {
  const finished = await Promise.all(choices.map((choice) => collect(job, choice, events)));
  const usage = usageOf(
    finished.map(({ end }) => end),
    promptCount(job),
  );
  return formOf(job).whole(
    head,
    finished.map(({ part }) => part),
    usage,
  );
}

async function collect(
  { echo, requests }: Job,
  { index, prompt, events }: Choice,
  { onChunk, onEnd }: AnswerEvents,
): Promise<{ part: ChoicePart; end: InferenceEnd }> {
  let text = echo ? prompt : "";
  const offset = text.length;
  const logprobs: WireLogprob[] = [];
  for (;;) {
    const { value } = await events.read();
    if (value === undefined) throw new TypeError("a text ended without its end");
    if (value.kind === "chunk") {
      onChunk(index);
      text += value.chunk.text;
      logprobs.push(...value.chunk.logprobs);
    } else if (value.kind === "again") {
      text = text.slice(0, offset);
      logprobs.length = 0;
    } else if (value.kind === "end") {
      onEnd(value.end);
      const wanted = requests[index]?.logprobs !== undefined;
      const { finishReason } = value.end;
      return { part: { index, text, logprobs: wanted ? logprobs : undefined, finishReason, offset }, end: value.end };
    }
  }
}

/** The `data` of each event; an error in mid-stream is the last of them. */
export async function* streamedAnswer(
  job: Job,
  head: AnswerHead,
  choices: readonly Choice[],
  { onChunk, onEnd }: AnswerEvents,
): AsyncGenerator<object | "[DONE]", void> {
  const form = formOf(job);
  const ends: InferenceEnd[] = [];
  const offsets = choices.map(() => 0);
  try {
    for (const { index, prompt } of choices) {
      const begin = form.begin(head, index);
      if (begin !== undefined) yield begin;
      if (!job.echo) continue;
      const part = { index, text: prompt, logprobs: undefined, finishReason: null, offset: 0 };
      yield form.chunk(head, part, undefined);
      offsets[index] = prompt.length;
    }
    for await (const { index, event } of merged(choices)) {
      const offset = offsets[index] as number;
      if (event.kind === "chunk") {
        onChunk(index);
        const { text, logprobs, pass } = event.chunk;
        const wanted = job.requests[index]?.logprobs === undefined ? undefined : logprobs;
        offsets[index] = offset + text.length;
        // Text that waits for the rest of a character is no event, unless there is something to tell of its pass.
        if (text !== "" || pass !== undefined || wanted !== undefined)
          yield form.chunk(head, { index, text, logprobs: wanted, finishReason: null, offset }, pass);
      } else if (event.kind === "end") {
        onEnd(event.end);
        ends.push(event.end);
        const { finishReason } = event.end;
        yield form.chunk(head, { index, text: "", logprobs: undefined, finishReason, offset }, undefined);
      }
    }
    if (job.usage) yield form.usage(head, usageOf(ends, promptCount(job)));
    yield "[DONE]";
  } catch (error) {
    yield apiErrorOf(error).body;
  }
}

interface ChoiceEvent {
  readonly index: number;
  readonly event: InferenceEvent;
}

/** Events of all choices as they come. */
async function* merged(choices: readonly Choice[]): AsyncGenerator<ChoiceEvent, void> {
  const next = new Map(choices.map((choice) => [choice.index, readNext(choice)]));
  while (next.size > 0) {
    const { index, choice, event } = await Promise.race(next.values());
    if (event === undefined) next.delete(index);
    else {
      next.set(index, readNext(choice));
      yield { index, event };
    }
  }
}

interface NextEvent {
  readonly index: number;
  readonly choice: Choice;
  readonly event: InferenceEvent | undefined;
}

function readNext(choice: Choice): Promise<NextEvent> {
  const next = choice.events.read().then(({ value }) => ({ index: choice.index, choice, event: value }));
  // Nobody awaits it while the client is slow to take what came before; its error is told when it is awaited.
  next.catch(() => undefined);
  return next;
}
