/** The thread that reads prompts: a model's tokenizer and template, and nothing of HTTP or the model itself. */
import { parentPort, workerData } from "node:worker_threads";
import { loadPromptReader } from "@dynamo/model";
import { preparePrompt, type PreparedPrompt, type PromptRequest } from "./prompt.js";
import { failureOf } from "./failure.js";
import type { InferenceFailure } from "./messages.js";

export type PromptAnswer = { readonly prepared: PreparedPrompt } | { readonly error: InferenceFailure };

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
