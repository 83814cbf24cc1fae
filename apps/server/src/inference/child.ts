/** An inference process, started again whenever it ends by itself or hangs. */
import { setTimeout as delay } from "node:timers/promises";
import { launch, type InferenceProcess, type LaunchOptions, type ProcessEnd } from "./launch.js";
import { UnavailableError } from "./unavailable.js";
import type { ProcessMemory, ServedModel, ToInference } from "./messages.js";

export interface ChildOptions extends Pick<LaunchOptions, "settings" | "onMessage" | "start"> {
  /** Milliseconds without a sign of life after which a process that is ready is killed and started again; default 10,000. */
  readonly hangMilliseconds?: number | undefined;
  /** Milliseconds before a process that has ended is started again, doubled while it keeps ending; default 250. */
  readonly restartPause?: number | undefined;
  /** Also after it was started again. */
  readonly onReady: () => void;
  /** Everything that it was doing is lost. */
  readonly onEnd: (end: ProcessEnd & { readonly restarts: boolean }) => void;
  /** One line about the process or its model: that it started, what of the model is not as its folder says, why it ended. */
  readonly log: (level: "info" | "warn" | "error", line: string) => void;
}

export interface InferenceChild {
  readonly model: ServedModel | undefined;
  readonly pid: number | undefined;
  readonly state: "loading" | "ready" | "silent" | "restarting";
  readonly memory: ProcessMemory | undefined;
  /** What it is doing about being ready. */
  readonly ready: Promise<ServedModel>;
  send(message: ToInference): void;
  close(patience: number): Promise<void>;
}

/** The most milliseconds before one that keeps ending is started again. */
const mostPause = 10_000;
/** Milliseconds between being told to drop everything and being killed. */
const lastPatience = 1_000;

/** One that ends before it was ready the first time is not started again: `ready` rejects with the reason. */
export function inferenceChild(options: ChildOptions): InferenceChild {
  const { hangMilliseconds = 10_000, restartPause = 250, onReady, onEnd, log } = options;
  let model: ServedModel | undefined;
  let closing = false;
  let pause = restartPause;
  let child = begin();
  let ready = child.ready;

  function begin(): InferenceProcess {
    const first = model === undefined;
    const started: InferenceProcess = launch({
      ...options,
      hangMilliseconds,
      onReady(loaded) {
        model = loaded;
        pause = restartPause;
        const { device, reason } = loaded.device;
        log("info", `inference process ${started.pid ?? "?"}: ready on ${device} (${reason})`);
        // They are the same after a restart.
        if (first) for (const warning of loaded.warnings) log("warn", warning);
        onReady();
      },
      onEnd(end) {
        const restarts = !closing && model !== undefined;
        onEnd({ ...end, restarts });
        if (!restarts) return;
        log("error", `${end.why}, it is started again in ${pause} ms`);
        ready = again();
        // Whoever waits for it sees the error.
        ready.catch(() => undefined);
      },
    });
    return started;
  }

  async function again(): Promise<ServedModel> {
    await delay(pause, undefined, { ref: false });
    pause = Math.min(2 * pause, mostPause);
    if (closing) throw new UnavailableError("the server is closing");
    child = begin();
    return await child.ready;
  }

  return {
    get model() {
      return model;
    },
    get pid() {
      return child.pid;
    },
    get state() {
      return stateOf(child, model !== undefined);
    },
    get memory() {
      return child.memory;
    },
    get ready() {
      return ready;
    },
    send: (message) => child.send(message),
    async close(patience) {
      closing = true;
      const last = child;
      last.send({ kind: "close", now: false });
      if (await within(last.ended, patience)) return;
      last.send({ kind: "close", now: true });
      if (await within(last.ended, lastPatience)) return;
      last.kill();
      await last.ended;
    },
  };
}

function stateOf({ pulse }: InferenceProcess, wasReady: boolean): InferenceChild["state"] {
  if (pulse === "alive") return "ready";
  if (pulse === "silent") return "silent";
  return wasReady ? "restarting" : "loading";
}

async function within(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  const stop = new AbortController();
  const late = delay(milliseconds, false, { signal: stop.signal }).catch(() => false);
  const first = await Promise.race([promise.then(() => true), late]);
  stop.abort();
  return first;
}
