/** The server's end of an inference process: requests go in, and what they write streams out. */
import { setTimeout as delay } from "node:timers/promises";
import { DynamoError } from "@dynamo/core";
import type { EngineState, PassReport } from "@dynamo/engine";
import { errorOf, inferenceChild, type ChildOptions, type InferenceChild } from "./child.js";
import { UnavailableError } from "./unavailable.js";
import type { FromInference, InferenceChunk, InferenceEnd, InferenceRequest, ServedModel } from "./messages.js";

export type InferenceEvent =
  | { readonly kind: "taken"; readonly prompt: string }
  | { readonly kind: "chunk"; readonly chunk: InferenceChunk }
  | { readonly kind: "end"; readonly end: InferenceEnd };

export interface InferenceOptions extends Pick<ChildOptions, "settings" | "log"> {
  readonly onPass: (pass: PassReport) => void;
  /** How many it computes and keeps waiting: none of them when its process has ended. */
  readonly onState: (state: EngineState) => void;
}

export interface Inference {
  /** Undefined until the process is ready the first time. */
  readonly model: ServedModel | undefined;
  readonly ready: boolean;
  readonly pid: number | undefined;
  /** Requests that it can have at once, computed and waiting. */
  readonly capacity: number;
  /** Resolves when it is ready; rejects when the model cannot be loaded. */
  start(): Promise<ServedModel>;
  /**
   * Events in order, "end" last; they throw the engine's DynamoErrors, `runtime` when the process ends, and the signal's
   * reason. Rejects with UnavailableError while it is being started. The reader never holds anybody up; one that leaves,
   * or whose signal fires, frees its slot.
   */
  submit(request: InferenceRequest, signal: AbortSignal): Promise<ReadableStream<InferenceEvent>>;
  /** Lets what runs come to its end, for at most so many milliseconds. */
  close(patience: number): Promise<void>;
}

/** Milliseconds that a request waits for a process that is being started. */
const startPatience = 5_000;

type Readers = Map<number, ReadableStreamDefaultController<InferenceEvent>>;

export function createInference({ settings, onPass, onState, log }: InferenceOptions): Inference {
  const readers: Readers = new Map();
  let child: InferenceChild | undefined;
  let closing = false;
  let nextId = 0;

  const isClosing = (): boolean => closing;
  const running = (): InferenceChild =>
    (child ??= inferenceChild({
      settings,
      log,
      onMessage: (message) => {
        if (message.kind === "pass") onPass(message.pass);
        if (message.kind === "pass" || message.kind === "idle") onState(message.state);
        else receive(readers, message, closing);
      },
      onExit: (why) => {
        onState({ slots: settings.slots, active: 0, queued: 0 });
        const error = new DynamoError("runtime", `${why}; what it was writing is lost, it is being started again`);
        const waiting = [...readers.values()];
        readers.clear();
        for (const reader of waiting) reader.error(error);
      },
    }));

  return {
    get model() {
      return child?.model;
    },
    get ready() {
      return child?.isReady === true && !closing;
    },
    get pid() {
      return child?.pid;
    },
    capacity: settings.slots + settings.queue,
    start: () => running().ready,
    async submit(request, signal) {
      if (closing) throw new UnavailableError("the server is closing");
      const process = running();
      await untilReady(process, signal);
      if (isClosing()) throw new UnavailableError("the server is closing");
      return streamOf(process, readers, nextId++, request, signal);
    },
    async close(patience) {
      closing = true;
      await child?.close(patience);
    },
  };
}

async function untilReady(child: InferenceChild, signal: AbortSignal): Promise<void> {
  if (child.isReady) return;
  const loading = new UnavailableError("the model is being loaded");
  const late = delay(startPatience, undefined, { signal, ref: false }).then(() => {
    throw loading;
  });
  late.catch(() => undefined);
  await Promise.race([child.ready, late]).catch(() => {
    throw loading;
  });
}

function receive(readers: Readers, message: FromInference, closing: boolean): void {
  if (!("id" in message)) return;
  const reader = readers.get(message.id);
  if (reader === undefined) return;
  if (message.kind === "error") {
    readers.delete(message.id);
    const late = closing && message.error.code === "aborted";
    reader.error(late ? new UnavailableError("the server is closing: the text is not whole") : errorOf(message.error));
    return;
  }
  reader.enqueue(message);
  if (message.kind !== "end") return;
  readers.delete(message.id);
  reader.close();
}

function streamOf(
  child: InferenceChild,
  readers: Readers,
  id: number,
  request: InferenceRequest,
  signal: AbortSignal,
): ReadableStream<InferenceEvent> {
  const cancel = (): void => {
    readers.delete(id);
    child.send({ kind: "cancel", id });
  };
  return new ReadableStream<InferenceEvent>({
    start(reader) {
      readers.set(id, reader);
      const abort = (): void => {
        if (!readers.has(id)) return;
        cancel();
        const reason: unknown = signal.reason;
        reader.error(DynamoError.is(reason) ? reason : new DynamoError("aborted", "the request was cancelled"));
      };
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
      else child.send({ kind: "submit", id, request });
    },
    cancel,
  });
}
