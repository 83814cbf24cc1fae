/** The server's end of an inference process: requests go in, and what they write streams out. */
import { setTimeout as delay } from "node:timers/promises";
import { DynamoError } from "@dynamo/core";
import type { EngineState, PassReport } from "@dynamo/engine";
import { inferenceChild, type ChildOptions, type InferenceChild } from "./child.js";
import { checkDropped } from "./prompt.js";
import { createPromptPool, type PromptThread } from "./prompt-pool.js";
import { startPromptThread } from "./prompt-thread.js";
import { recentPrompts } from "./recent-prompts.js";
import { createRequests, type InferenceEvent } from "./requests.js";
import { UnavailableError } from "./unavailable.js";
import type { InferenceRequest, ProcessMemory, ServedModel } from "./messages.js";

export type { InferenceEvent } from "./requests.js";

export type InferenceState =
  | "loading"
  | "ready"
  /** It has given no sign of life for a while; it is killed when that goes on. */
  | "silent"
  /** Its process has ended by itself, or hung and was killed, and is started again. */
  | "restarting"
  | "closing";

export interface InferenceOptions extends Pick<
  ChildOptions,
  "settings" | "log" | "hangMilliseconds" | "restartPause" | "start"
> {
  readonly onPass: (pass: PassReport) => void;
  /** How many it computes and keeps waiting: none of them when its process has ended. */
  readonly onState: (state: EngineState) => void;
  /** Makes a thread that reads prompts; tests have one of their own. */
  readonly startThread?: (() => PromptThread) | undefined;
  /** Its process ended by itself, or hung and was killed, and is started again. */
  readonly onRestart?: ((reason: "ended" | "hung") => void) | undefined;
}

export interface Inference {
  /** Undefined until the process is ready the first time. */
  readonly model: ServedModel | undefined;
  /** It is ready, and gives signs of life. */
  readonly ready: boolean;
  readonly state: InferenceState;
  /** Of its process, as it said last; undefined while there is none that is ready. */
  readonly memory: ProcessMemory | undefined;
  readonly pid: number | undefined;
  /** Requests that it can have at once, computed and waiting. */
  readonly capacity: number;
  /** Resolves when it is ready; rejects when the model cannot be loaded. */
  start(): Promise<ServedModel>;
  /**
   * Events in order, "end" last; they throw the engine's DynamoErrors and the signal's reason. When the process ends, or hangs
   * and is killed, a text that had not begun is tried once more in the new one, others throw `runtime`. Rejects with UnavailableError while it is being started. The reader never holds anybody up; one that leaves,
   * or whose signal fires, frees its slot.
   */
  submit(request: InferenceRequest, signal: AbortSignal): Promise<ReadableStream<InferenceEvent>>;
  /** Lets what runs come to its end, for at most so many milliseconds. */
  close(patience: number): Promise<void>;
}

/** Milliseconds that a request waits for a process that is being started. */
const startPatience = 5_000;

export function createInference(options: InferenceOptions): Inference {
  const { settings, onPass, onState, onRestart, startThread } = options;
  const capacity = settings.slots + settings.queue;
  const start = startThread ?? ((): PromptThread => startPromptThread(settings.folder));
  const prompts = createPromptPool({ start, waiting: capacity });
  const recent = recentPrompts();
  let child: InferenceChild | undefined;
  let closing = false;
  const isClosing = (): boolean => closing;
  const requests = createRequests({ send: (message) => child?.send(message), isClosing });
  const running = (): InferenceChild =>
    (child ??= inferenceChild({
      ...options,
      onReady: requests.resume,
      onMessage: (message) => {
        if (message.kind === "pass") onPass(message.pass);
        if (message.kind === "pass" || message.kind === "idle") onState(message.state);
        else requests.receive(message);
      },
      onEnd: ({ why, hung, restarts }) => {
        if (restarts) onRestart?.(hung ? "hung" : "ended");
        onState({ slots: settings.slots, active: 0, queued: 0, tokens: { active: 0, kept: 0 } });
        const error = new DynamoError("runtime", `${why}; what it was writing is lost, it is being started again`);
        if (restarts) requests.lost(error);
        else requests.fail(error);
      },
    }));

  return {
    get model() {
      return child?.model;
    },
    get ready() {
      return child?.state === "ready" && !closing;
    },
    get state() {
      return closing ? "closing" : (child?.state ?? "loading");
    },
    get memory() {
      return child?.memory;
    },
    get pid() {
      return child?.pid;
    },
    capacity,
    start() {
      prompts.open();
      return running().ready;
    },
    async submit(request, signal) {
      if (closing) throw new UnavailableError("the server is closing");
      const served = await untilReady(running(), signal);
      const { prompt, key, index } = request;
      const maxNewTokens = lengthOf(request, served);
      const asked = { prompt, maxNewTokens };
      const known = index === 0 ? undefined : recent.find(asked, key);
      const prepared = known ?? (await prompts.prepare(asked, key, signal));
      if (index === 0) recent.keep(asked, key, prepared);
      checkDropped(asked, prepared, settings.dropMessages ?? true);
      // The process may have ended in the meantime.
      await untilReady(running(), signal);
      if (isClosing()) throw new UnavailableError("the server is closing");
      return requests.submit({ ...request, maxNewTokens }, prepared, signal);
    },
    async close(patience) {
      closing = true;
      prompts.close();
      await child?.close(patience);
    },
  };
}

/** Tokens that the text may have: what the request says, else the model's folder, else the context. */
const lengthOf = (
  { maxNewTokens: asked }: Pick<InferenceRequest, "maxNewTokens">,
  { maxNewTokens, contextLength }: ServedModel,
): number => Math.min(asked ?? maxNewTokens ?? contextLength, contextLength);

async function untilReady(child: InferenceChild, signal: AbortSignal): Promise<ServedModel> {
  const isReady = child.state === "ready" || child.state === "silent";
  if (isReady && child.model !== undefined) return child.model;
  const loading = new UnavailableError("the model is being loaded");
  const late = delay(startPatience, undefined, { signal, ref: false }).then(() => {
    throw loading;
  });
  late.catch(() => undefined);
  return await Promise.race([child.ready, late]).catch(() => {
    throw loading;
  });
}
