/** An inference that writes what its prompt says, without a model: `text`, `break`, `hang`, `refuse`, or `queue` (nothing for ever). */
import { DynamoError } from "@dynamo/core";
import type { Inference, InferenceEvent, InferenceOptions } from "../src/inference/inference.js";
import type { InferenceEnd, InferenceRequest } from "../src/inference/messages.js";

const end: InferenceEnd = {
  finishReason: "length",
  tokens: 3,
  statistics: {
    ...{ promptTokens: 7, reusedTokens: 2, passes: 2, orders: { 1: 1, 2: 1 }, drafted: 0, accepted: 0 },
    seconds: { queued: 0.25, firstToken: 0.5, total: 1.5 },
  },
};

const chunk = (text: string, tokens: number): InferenceEvent => ({
  kind: "chunk",
  chunk: { text, tokens, logprobs: [], pass: undefined },
});

export function fakeInference({ settings }: InferenceOptions): Inference {
  const capacity = settings.slots + settings.queue;
  const fake = {
    ...{
      model: undefined,
      ready: true,
      state: "ready",
      memory: { resident: 123_456, heap: 1 },
      pid: undefined,
      capacity,
    },
    start: () => Promise.reject(new Error("not in this test")),
    submit: (request: InferenceRequest, signal: AbortSignal) => write(request.prompt as string, signal),
    close: () => Promise.resolve(),
  };
  return fake as unknown as Inference;
}

function write(prompt: string, signal: AbortSignal): Promise<ReadableStream<InferenceEvent>> {
  if (prompt === "refuse") return Promise.reject(new DynamoError("busy", "full"));
  return Promise.resolve(
    new ReadableStream<InferenceEvent>({
      start(reader) {
        reader.enqueue({ kind: "taken", prompt, dropped: 0 });
        signal.addEventListener("abort", () => reader.error(signal.reason), { once: true });
        if (prompt === "queue") return;
        reader.enqueue(chunk("One", 1));
        if (prompt === "hang") return;
        // After the reader has seen what came before: an error drops it.
        setTimeout(() => {
          if (signal.aborted) return;
          if (prompt === "break") reader.error(new DynamoError("runtime", "the process ended"));
          else {
            reader.enqueue(chunk(" day", 2));
            reader.enqueue({ kind: "end", end });
            reader.close();
          }
        }, 5);
      },
    }),
  );
}
