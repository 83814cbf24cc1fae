/** The server's end of an inference process: it starts it, restarts it, and streams what it writes. */
import { fork, type ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DynamoError } from "@dynamo/core";
import type { EngineState, PassReport } from "@dynamo/engine";
import type {
  FromInference,
  InferenceChunk,
  InferenceEnd,
  InferenceRequest,
  InferenceSettings,
  ServedModel,
  ToInference,
  WireError,
} from "./messages.js";

export type InferenceEvent =
  | { readonly kind: "taken"; readonly prompt: string }
  | { readonly kind: "chunk"; readonly chunk: InferenceChunk }
  | { readonly kind: "end"; readonly end: InferenceEnd };

export interface InferenceOptions {
  readonly settings: InferenceSettings;
  readonly onPass: (pass: PassReport, state: EngineState) => void;
  /** One line about the process: that it started, why it ended. */
  readonly log: (level: "info" | "error", line: string) => void;
}

export interface Inference {
  /** Undefined until the process is ready the first time. */
  readonly model: ServedModel | undefined;
  readonly ready: boolean;
  readonly pid: number | undefined;
  /** Resolves when it is ready the first time; rejects when the model cannot be loaded. */
  start(): Promise<ServedModel>;
  /**
   * Events in order, "end" last; throws the DynamoErrors of the engine, and `runtime` when the process ends. The reader
   * never holds anybody up; one that leaves, or whose signal fires, frees its slot.
   */
  submit(request: InferenceRequest, signal: AbortSignal): Promise<ReadableStream<InferenceEvent>>;
  /** Lets what runs come to its end, for at most so many milliseconds. */
  close(patience: number): Promise<void>;
}

const entry = fileURLToPath(new URL("./inference-process.js", import.meta.url));

/** Milliseconds before a process that has ended is started again, doubled while it keeps ending, and the most of them. */
const [firstPause, mostPause] = [250, 10_000];
/** Milliseconds that a request waits for a process that starts. */
const startPatience = 5_000;

type Reader = ReadableStreamDefaultController<InferenceEvent>;

export function createInference({ settings, onPass, log }: InferenceOptions): Inference {
  const readers = new Map<number, Reader>();
  let child: ChildProcess | undefined;
  let model: ServedModel | undefined;
  let ready: Promise<ServedModel> | undefined;
  let isReady = false;
  let closing = false;
  let pause = firstPause;
  let nextId = 0;

  const send = (message: ToInference): void => {
    if (child?.connected === true) child.send(message);
  };

  function endAll(error: DynamoError): void {
    const waiting = [...readers.values()];
    readers.clear();
    for (const reader of waiting) reader.error(error);
  }

  function receive(message: FromInference): void {
    if (message.kind === "pass") {
      onPass(message.pass, message.state);
      return;
    }
    if (message.kind === "ready" || message.kind === "failed") return;
    const reader = readers.get(message.id);
    if (reader === undefined) return;
    if (message.kind === "error") {
      readers.delete(message.id);
      reader.error(errorOf(message.error));
      return;
    }
    reader.enqueue(message);
    if (message.kind === "end") {
      readers.delete(message.id);
      reader.close();
    }
  }

  function launch(): Promise<ServedModel> {
    const started = fork(entry, { serialization: "advanced", execArgv: [] });
    child = started;
    started.on("message", receive);
    return new Promise((resolve, reject) => {
      started.on("message", (message: FromInference) => {
        if (message.kind === "failed") reject(errorOf(message.error));
        if (message.kind !== "ready") return;
        ({ model } = message);
        isReady = true;
        pause = firstPause;
        log("info", `inference process ${started.pid ?? "?"}: ready on ${model.device.device} (${model.device.reason})`);
        resolve(model);
      });
      started.on("exit", (code, signal) => {
        isReady = false;
        const why = `the inference process ended (${signal ?? `exit code ${code ?? "?"}`})`;
        reject(new DynamoError("runtime", why));
        endAll(new DynamoError("runtime", `${why}; what it was writing is lost, it is being started again`));
        if (closing) return;
        log("error", `${why}${model === undefined ? "" : `, restarting in ${pause} ms`}`);
        if (model !== undefined) ready = relaunch();
      });
      started.send({ kind: "open", settings } satisfies ToInference);
    });
  }

  async function relaunch(): Promise<ServedModel> {
    await delay(pause);
    pause = Math.min(2 * pause, mostPause);
    if (closing) throw new DynamoError("busy", "the server is closing");
    return launch();
  }

  async function running(signal: AbortSignal): Promise<void> {
    if (isReady) return;
    const late = delay(startPatience, undefined, { signal, ref: false }).then(() => {
      throw new DynamoError("busy", "the model is being loaded");
    });
    late.catch(() => undefined);
    await Promise.race([ready, late]);
  }

  return {
    get model() {
      return model;
    },
    get ready() {
      return isReady && !closing;
    },
    get pid() {
      return child?.pid;
    },
    start() {
      ready = launch();
      return ready;
    },
    async submit(request, signal) {
      if (closing) throw new DynamoError("busy", "the server is closing");
      await running(signal).catch((cause: unknown) => {
        if (DynamoError.is(cause) && cause.code === "busy") throw cause;
        throw new DynamoError("busy", "the model is being loaded", { cause });
      });
      const id = nextId++;
      const cancel = (): void => {
        readers.delete(id);
        send({ kind: "cancel", id });
      };
      return new ReadableStream<InferenceEvent>({
        start(reader) {
          readers.set(id, reader);
          signal.addEventListener(
            "abort",
            () => {
              if (!readers.has(id)) return;
              cancel();
              reader.error(new DynamoError("aborted", "the request was cancelled"));
            },
            { once: true },
          );
          send({ kind: "submit", id, request });
        },
        cancel,
      });
    },
    async close(patience) {
      closing = true;
      const ended = child === undefined || child.exitCode !== null ? Promise.resolve() : exitOf(child);
      send({ kind: "close", now: false });
      const late = delay(patience, "late" as const, { ref: false });
      if ((await Promise.race([ended, late])) === "late") {
        send({ kind: "close", now: true });
        if ((await Promise.race([ended, delay(1_000, "late" as const, { ref: false })])) === "late")
          child?.kill("SIGKILL");
      }
      await ended;
    },
  };
}

const exitOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once("exit", () => {
      resolve();
    });
  });

const errorOf = ({ code, message }: WireError): DynamoError => new DynamoError(code, message);
