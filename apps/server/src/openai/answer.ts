/** From the inference process's events to an answer: one JSON body, or server-sent events. */
import type { Inference, InferenceEvent } from "../inference/inference.js";
import type { InferenceChunk, WireLogprob } from "../inference/messages.js";
import { chatForm, completionForm, usageOf, type AnswerHead, type ChoicePart, type TextEnd } from "./bodies.js";
import { apiErrorOf } from "./errors.js";
import { checkCount, type Job } from "./job.js";

export interface Choice {
  readonly index: number;
  /** The prompt as text. */
  readonly prompt: string;
  /** Messages that are not in the prompt: the oldest, for want of room. */
  readonly dropped: number;
  readonly events: ReadableStreamDefaultReader<InferenceEvent>;
}

/** Told of what comes, for metrics. */
export interface AnswerEvents {
  readonly onChunk: (choice: number, tokens: number) => void;
  readonly onEnd: (end: TextEnd) => void;
  /** After the answer's beginning: its status does not tell. */
  readonly onError: (error: unknown) => void;
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
    const { value } = await events.read();
    const { prompt, dropped } = value?.kind === "taken" ? value : { prompt: "", dropped: 0 };
    return { index, prompt, dropped, events };
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

/** Whether the choice is the first text of its prompt. */
const isFirst = ({ requests }: Job, index: number): boolean => requests[index]?.index === 0;

/** Messages of the job's conversation that its texts have not seen. */
export const droppedOf = (choices: readonly Choice[]): number => Math.max(...choices.map(({ dropped }) => dropped));

export async function wholeAnswer(
  job: Job,
  head: AnswerHead,
  choices: readonly Choice[],
  events: AnswerEvents,
): Promise<object> {
  const finished = await Promise.all(choices.map((choice) => collect(job, choice, events)));
  const parts = finished.map(({ part }) => part);
  return formOf(job).whole(head, parts, { usage: usageOf(finished), dropped: droppedOf(choices) });
}

async function collect(
  job: Job,
  { index, prompt, events }: Choice,
  { onChunk, onEnd }: AnswerEvents,
): Promise<TextEnd & { part: ChoicePart }> {
  const wanted = job.requests[index]?.logprobs !== undefined;
  let text = "";
  const logprobs: WireLogprob[] = [];
  for (;;) {
    const { value } = await events.read();
    if (value === undefined) throw new TypeError("a text ended without its end");
    if (value.kind === "chunk") {
      onChunk(index, value.chunk.tokens);
      text += value.chunk.text;
      logprobs.push(...(value.chunk.promptLogprobs ?? []), ...value.chunk.logprobs);
    } else if (value.kind === "again") {
      text = "";
      logprobs.length = 0;
    } else if (value.kind === "end") {
      const { end } = value;
      onEnd({ end, first: isFirst(job, index) });
      const echoed = job.echo ? prompt : "";
      const part = { index, text: echoed + text, logprobs: wanted ? logprobs : undefined, offset: 0 };
      return { part: { ...part, finishReason: end.finishReason }, end, first: isFirst(job, index) };
    }
  }
}

/** The `data` of each event; an error in mid-stream is the last of them. */
export async function* streamedAnswer(
  job: Job,
  head: AnswerHead,
  choices: readonly Choice[],
  events: AnswerEvents,
): AsyncGenerator<object | "[DONE]", void> {
  const ends: TextEnd[] = [];
  // Usage stands in each chunk where it was asked for, and is null in all but the last.
  const none = job.usage ? { usage: null } : {};
  try {
    for await (const chunk of chunksOf(job, head, choices, events, ends)) yield { ...chunk, ...none };
    if (job.usage) yield formOf(job).usage(head, { usage: usageOf(ends), dropped: droppedOf(choices) });
    yield "[DONE]";
  } catch (error) {
    events.onError(error);
    yield apiErrorOf(error).body;
  }
}

/** All but the chunk with the usage; `ends` gets what each text took. */
async function* chunksOf(
  job: Job,
  head: AnswerHead,
  choices: readonly Choice[],
  { onChunk, onEnd }: AnswerEvents,
  ends: TextEnd[],
): AsyncGenerator<object, void> {
  const form = formOf(job);
  const writers = choices.map((choice) => partWriter(job, choice));
  for (const { index } of choices) {
    const begin = form.begin(head, index);
    if (begin !== undefined) yield begin;
  }
  for await (const { index, event } of merged(choices)) {
    if (event.kind === "chunk") {
      onChunk(index, event.chunk.tokens);
      const parts = writers[index]?.(event.chunk) ?? [];
      for (const part of parts) yield form.chunk(head, part, part === parts.at(-1) ? event.chunk.pass : undefined);
    } else if (event.kind === "end") {
      const end = { end: event.end, first: isFirst(job, index) };
      onEnd(end);
      ends.push(end);
      const last = { index, text: "", logprobs: undefined, finishReason: event.end.finishReason, offset: 0 };
      yield form.chunk(head, last, undefined);
    }
  }
}

/** A choice's parts as its chunks come: before the first the echoed prompt, and of each what there is to tell. */
function partWriter(job: Job, { index, prompt }: Choice): (chunk: InferenceChunk) => ChoicePart[] {
  const wanted = job.requests[index]?.logprobs !== undefined;
  let offset = 0;
  let echo = job.echo;
  const part = (text: string, logprobs: readonly WireLogprob[]): ChoicePart => {
    const before = offset;
    offset = logprobs.reduce((total, { characters }) => total + characters, offset);
    return { index, text, logprobs: wanted ? logprobs : undefined, finishReason: null, offset: before };
  };
  return ({ text, logprobs, promptLogprobs = [], pass }) => {
    const parts = echo ? [part(prompt, promptLogprobs)] : [];
    echo = false;
    // Text that waits for the rest of a character is no event, unless there is something to tell of its pass.
    if (text !== "" || pass !== undefined || logprobs.length > 0) parts.push(part(text, logprobs));
    return parts;
  };
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
