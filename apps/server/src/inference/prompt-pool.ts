/**
 * Prompts are rendered and encoded by threads of their own: a template or a text that takes long makes nobody wait but its
 * request, and the thread is ended when the request is.
 */
import { DynamoError } from "@dynamo/core";
import type { PreparedPrompt, PromptRequest } from "./prompt.js";
import { UnavailableError } from "./unavailable.js";

export interface PromptThread {
  /** False when it has ended. */
  readonly alive: boolean;
  /** Rejects when the thread ends. One at a time. */
  run(request: PromptRequest): Promise<PreparedPrompt>;
  end(): void;
}

export interface PromptPoolOptions {
  readonly start: () => PromptThread;
  /** Threads at once; the first one stays, the others come while prompts wait. Default 3. */
  readonly threads?: number | undefined;
  /** Prompts that may wait. */
  readonly waiting: number;
}

export interface PromptPool {
  /** Starts the first thread, so that the first prompt does not wait for it. */
  open(): void;
  /**
   * `key` is whose turn it is: nobody's prompts take all threads. Rejects with `busy` when too many wait, `invalid-argument`
   * for a prompt that takes too long, the signal's reason, and what the thread throws.
   */
  prepare(request: PromptRequest, key: string, signal: AbortSignal): Promise<PreparedPrompt>;
  close(): void;
}

/** Milliseconds that a prompt waits for a thread before there is one more. */
const growPatience = 200;
/** Milliseconds that one prompt may take. */
const mostMilliseconds = 30_000;
/** Milliseconds in which a prompt that nobody wants any more may still end by itself: a new thread reads its tokenizer again. */
const grace = 250;
/** Milliseconds without work after which a further thread ends. */
const idlePatience = 30_000;

interface Job {
  readonly request: PromptRequest;
  readonly key: string;
  readonly settle: { readonly resolve: (prompt: PreparedPrompt) => void; readonly reject: (error: unknown) => void };
}

export function createPromptPool({ start, threads = 3, waiting: mostWaiting }: PromptPoolOptions): PromptPool {
  const waiting: Job[] = [];
  const slots = createSlots(start, threads, pump);
  let growing: NodeJS.Timeout | undefined;

  const mayRun = ({ key }: Job): boolean => slots.held(key) < Math.max(1, threads - 1);

  /** Gives threads that are free to those whose turn it is. */
  function pump(): void {
    for (;;) {
      const next = waiting.findIndex(mayRun);
      if (next < 0) return;
      const slot = slots.free();
      if (slot === undefined) {
        grow();
        return;
      }
      void slots.run(slot, ...(waiting.splice(next, 1) as [Job]));
    }
  }

  function grow(): void {
    growing ??= setTimeout(() => {
      growing = undefined;
      if (waiting.some(mayRun) && slots.free() === undefined) slots.add();
      pump();
    }, growPatience).unref();
  }

  function begin(job: Job): void {
    waiting.push(job);
    pump();
  }

  function abandon(job: Job): void {
    const place = waiting.indexOf(job);
    if (place >= 0) waiting.splice(place, 1);
    else slots.abandon(job);
  }

  return {
    open: () => void slots.free(),
    async prepare(request, key, signal) {
      if (waiting.length >= mostWaiting)
        throw new DynamoError("busy", `${waiting.length} prompts wait to be read already`);
      return await abortable<PreparedPrompt>(signal, (settle) => {
        const job = { request, key, settle };
        begin(job);
        return () => abandon(job);
      });
    },
    close() {
      clearTimeout(growing);
      const closing = new UnavailableError("the server is closing");
      for (const { settle } of waiting.splice(0)) settle.reject(closing);
      slots.close(closing);
    },
  };
}

interface Slot {
  readonly thread: PromptThread;
  job: Job | undefined;
  /** When the thread ends: its prompt takes too long, or it has had none for a while. */
  timer: NodeJS.Timeout | undefined;
}

interface Slots {
  /** A thread without work; the first one is made when there is none. */
  free(): Slot | undefined;
  /** One more, when there may be. */
  add(): void;
  /** Threads with this key's prompts. */
  held(key: string): number;
  run(slot: Slot, job: Job): Promise<void>;
  /** Nobody wants it any more. */
  abandon(job: Job): void;
  close(error: DynamoError): void;
}

/** `onFree`: a thread may have become free. */
function createSlots(start: () => PromptThread, most: number, onFree: () => void): Slots {
  const slots = new Set<Slot>();

  function add(): Slot {
    const slot: Slot = { thread: start(), job: undefined, timer: undefined };
    slots.add(slot);
    return slot;
  }

  function remove(slot: Slot): void {
    if (!slots.delete(slot)) return;
    clearTimeout(slot.timer);
    slot.thread.end();
    onFree();
  }

  function endIn(slot: Slot, milliseconds: number, then: () => void = () => undefined): void {
    clearTimeout(slot.timer);
    slot.timer = setTimeout(() => {
      then();
      remove(slot);
    }, milliseconds).unref();
  }

  return {
    free() {
      for (const slot of slots) if (!slot.thread.alive) slots.delete(slot);
      return [...slots].find(({ job }) => job === undefined) ?? (slots.size === 0 ? add() : undefined);
    },
    add() {
      if (slots.size < most) add();
    },
    held: (key) => [...slots].filter(({ job }) => job?.key === key).length,
    async run(slot, job) {
      slot.job = job;
      endIn(slot, mostMilliseconds, () => job.settle.reject(tooSlow()));
      await slot.thread.run(job.request).then(job.settle.resolve, job.settle.reject);
      clearTimeout(slot.timer);
      slot.job = undefined;
      if (!slot.thread.alive) remove(slot);
      else
        slot.timer = setTimeout(() => {
          if (slots.size > 1) remove(slot);
        }, idlePatience).unref();
      onFree();
    },
    abandon(job) {
      const slot = [...slots].find((other) => other.job === job);
      if (slot !== undefined) endIn(slot, grace);
    },
    close(error) {
      for (const slot of [...slots]) {
        slot.job?.settle.reject(error);
        remove(slot);
      }
    },
  };
}

/** What `begin` settles, or the signal's reason; then what it returned is called. */
async function abortable<Value>(
  signal: AbortSignal,
  begin: (settle: { resolve: (value: Value) => void; reject: (error: unknown) => void }) => () => void,
): Promise<Value> {
  if (signal.aborted) throw reasonOf(signal);
  let stop = (): void => undefined;
  try {
    return await new Promise<Value>((resolve, reject) => {
      const abandon = begin({ resolve, reject });
      stop = () => {
        reject(reasonOf(signal));
        abandon();
      };
      signal.addEventListener("abort", stop, { once: true });
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

const tooSlow = (): DynamoError =>
  new DynamoError(
    "invalid-argument",
    `the prompt took longer than ${mostMilliseconds / 1000} s to be read: its text, or what the chat template does with it, is too much`,
  );

function reasonOf({ reason }: AbortSignal): DynamoError {
  return DynamoError.is(reason) ? reason : new DynamoError("aborted", "the request was cancelled");
}
