/** The server's end of a thread that reads prompts. */
import { Worker } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import type { PromptAnswer } from "./prompt-worker.js";
import type { PromptThread } from "./prompt-pool.js";
import type { PreparedPrompt } from "./prompt.js";
import { errorOf } from "./failure.js";

const entry = new URL("./prompt-worker.js", import.meta.url);

/** A template that collects without end takes its own thread along, and not the server. */
const resourceLimits = { maxOldGenerationSizeMb: 1024 };

interface Reading {
  resolve(prompt: PreparedPrompt): void;
  reject(error: unknown): void;
}

/** Begins to read the tokenizer of a model folder; an error in it comes with the prompts. */
export function startPromptThread(folder: string, script: URL = entry): PromptThread {
  const worker = new Worker(script, { workerData: folder, resourceLimits });
  let reading: Reading | undefined;
  let ended: DynamoError | undefined;
  const end = (cause: unknown): void => {
    ended ??= new DynamoError("runtime", "the thread that reads prompts ended", { cause });
    reading?.reject(ended);
  };
  worker.on("message", (answer: PromptAnswer) => {
    if ("error" in answer) reading?.reject(errorOf(answer.error));
    else reading?.resolve(answer.prepared);
  });
  worker.on("error", end);
  worker.on("exit", end);
  worker.unref();
  return {
    get alive() {
      return ended === undefined;
    },
    run: (request) =>
      new Promise((resolve, reject) => {
        reading = { resolve, reject };
        if (ended === undefined) worker.postMessage(request);
        else reject(ended);
      }),
    end: () => void worker.terminate(),
  };
}
