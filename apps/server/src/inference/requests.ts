/** Requests under way in an inference process, and what becomes of them when it ends. */
import { DynamoError } from "@dynamo/core";
import { UnavailableError } from "./unavailable.js";
import { errorOf } from "./failure.js";
import type { FromInference, InferenceChunk, InferenceEnd, PreparedRequest, ToInference } from "./messages.js";
import type { PreparedPrompt } from "./prompt.js";

export type InferenceEvent =
  /** The request has its place: what its prompt is as text, and how many of its oldest messages are not in it. */
  | { readonly kind: "taken"; readonly prompt: string; readonly dropped: number }
  | { readonly kind: "chunk"; readonly chunk: InferenceChunk }
  /** The process ended, and the text begins again: what came before does not count. Only for requests that are `whole`. */
  | { readonly kind: "again" }
  | { readonly kind: "end"; readonly end: InferenceEnd };

export interface Requests {
  /** Events in order, "end" last. */
  submit(request: TextRequest, prompt: PreparedPrompt, signal: AbortSignal): ReadableStream<InferenceEvent>;
  /** Of this request, or of none. */
  receive(message: FromInference): void;
  /** The process is gone. Those of whom the client has text end with the error, the others wait for `resume`. */
  lost(error: DynamoError): void;
  /** There is a new process. */
  readonly resume: () => void;
  /** All of them end with the error. */
  fail(error: DynamoError): void;
}

export type TextRequest = Omit<PreparedRequest, "prompt">;

interface Waiting {
  readonly id: number;
  readonly request: TextRequest;
  readonly prompt: PreparedPrompt;
  readonly reader: ReadableStreamDefaultController<InferenceEvent>;
  /** Processes that ended while it was there. */
  losses: number;
  /** Its reader has been told that it was taken. */
  taken: boolean;
  /** Its reader has a part of the text. */
  begun: boolean;
}

const closed = (): DynamoError => new UnavailableError("the server is closing: the text is not whole");

/**
 * A request is tried once more when its process ended. One of them may be why it ended, so they come one at a time: the next
 * one when the one before has its first text. The culprit ends with the error, and takes nobody along a second time.
 */
const mostLosses = 2;

export interface RequestsOptions {
  readonly send: (message: ToInference) => void;
  /** A text that is cancelled then is not the client's doing. */
  readonly isClosing: () => boolean;
}

export function createRequests({ send, isClosing }: RequestsOptions): Requests {
  const all = new Map<number, Waiting>();
  // One that was taken before: no queue is too full for it.
  const suspects = inTurn<Waiting>(({ id, request, prompt }) => {
    send({ kind: "submit", id, request: { ...request, prompt: prompt.ids, joins: true } });
  });
  let nextId = 0;

  function remove(waiting: Waiting): void {
    all.delete(waiting.id);
    suspects.clear(waiting);
  }

  function streamOf(request: TextRequest, prompt: PreparedPrompt, signal: AbortSignal): ReadableStream<InferenceEvent> {
    const id = nextId++;
    const cancel = (): void => {
      const waiting = all.get(id);
      if (waiting === undefined) return;
      send({ kind: "cancel", id });
      remove(waiting);
    };
    return new ReadableStream<InferenceEvent>({
      start(reader) {
        const waiting = { id, request, prompt, reader, losses: 0, taken: false, begun: false };
        all.set(id, waiting);
        const abort = (): void => {
          if (!all.has(id)) return;
          cancel();
          const reason: unknown = signal.reason;
          reader.error(DynamoError.is(reason) ? reason : new DynamoError("aborted", "the request was cancelled"));
        };
        signal.addEventListener("abort", abort, { once: true });
        if (signal.aborted) abort();
        else send({ kind: "submit", id, request: { ...request, prompt: prompt.ids } });
      },
      cancel,
    });
  }

  return {
    submit: streamOf,
    receive(message) {
      const waiting = "id" in message ? all.get(message.id) : undefined;
      if (waiting === undefined) return;
      if (message.kind === "error") {
        remove(waiting);
        waiting.reader.error(isClosing() && message.error.code === "aborted" ? closed() : errorOf(message.error));
      } else if (message.kind === "end") {
        remove(waiting);
        waiting.reader.enqueue(message);
        waiting.reader.close();
      } else if (message.kind === "chunk") {
        waiting.begun = true;
        suspects.clear(waiting);
        waiting.reader.enqueue(message);
      } else if (message.kind === "taken" && !waiting.taken) {
        waiting.taken = true;
        const { text, dropped } = waiting.prompt;
        waiting.reader.enqueue({ kind: "taken", prompt: text, dropped });
      }
    },
    lost(error) {
      const [, ...untouched] = suspects.drain();
      for (const waiting of all.values()) {
        if (!untouched.includes(waiting)) waiting.losses++;
        if (waiting.losses >= mostLosses || (waiting.begun && !waiting.request.whole)) {
          all.delete(waiting.id);
          waiting.reader.error(error);
          continue;
        }
        if (waiting.begun) waiting.reader.enqueue({ kind: "again" });
        waiting.begun = false;
        suspects.push(waiting);
      }
    },
    resume: suspects.begin,
    fail(error) {
      const waiting = [...all.values()];
      all.clear();
      suspects.drain();
      for (const { reader } of waiting) reader.error(error);
    },
  };
}

interface InTurn<Item> {
  push(item: Item): void;
  /** The first one has its turn, when there is one. */
  readonly begin: () => void;
  /** It is gone; when it had its turn, the next one has it. */
  clear(item: Item): void;
  /** All of them, and nobody has a turn. */
  drain(): Item[];
}

function inTurn<Item>(turn: (item: Item) => void): InTurn<Item> {
  let items: Item[] = [];
  const begin = (): void => {
    if (items[0] !== undefined) turn(items[0]);
  };
  return {
    push: (item) => void items.push(item),
    begin,
    clear(item) {
      const isFirst = items[0] === item;
      items = items.filter((other) => other !== item);
      if (isFirst) begin();
    },
    drain() {
      const all = items;
      items = [];
      return all;
    },
  };
}
