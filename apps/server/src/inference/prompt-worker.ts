/** The thread that reads prompts: a model's tokenizer and template, and nothing of HTTP or the model itself. */
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { loadPromptReader } from "@dynamo/model";
import { preparePrompt, type PreparedPrompt, type PromptRequest } from "./prompt.js";
import { failureOf } from "./failure.js";
import type { InferenceFailure } from "./messages.js";

export type PromptAnswer = { readonly prepared: PreparedPrompt } | { readonly error: InferenceFailure };

/**
 * Nobody's text waits for a prompt that is long to read: on Linux each thread has a priority of its own, elsewhere it keeps the
 * process's.
 */
const priority = 5;

function stepBack(): void {
  try {
    // "<process>/task/<thread>"
    setPriority(Number(readlinkSync("/proc/thread-self").split("/").at(-1)), priority);
  } catch {
    // Another system, or one that does not let it.
  }
}

stepBack();
const reader = loadPromptReader(workerData as string);
// Each prompt is told why there is none.
reader.catch(() => undefined);

async function answer(request: PromptRequest): Promise<PromptAnswer> {
  try {
    return { prepared: preparePrompt(await reader, request) };
  } catch (error) {
    return { error: failureOf(error) };
  }
}

parentPort?.on("message", (request: PromptRequest) => {
  void answer(request).then((message) => parentPort?.postMessage(message));
});
