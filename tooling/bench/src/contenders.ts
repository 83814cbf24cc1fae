/** A model folder in this project's hands, and the same weights in llama.cpp's library, behind one contract. */
import { loadModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { openLlama } from "./llama-library.js";

/** A model in the bench's hands: times in milliseconds. */
export interface Contender {
  /** Of one token behind so many others. */
  decode(context: number, tokens: number): Promise<number>;
  prefill(tokens: number): Promise<number>;
  close(): Promise<void>;
}

const promptOf = (length: number): number[] => Array.from({ length }, (_, i) => 100 + ((i * 131) % 3_900));

export async function ours(folder: string, dtype: "q4" | "q8"): Promise<Contender> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const model = await loadModel(runtime, folder, { dtype });
  const cache = await model.createCache({ rows: 1 });
  const pass = async (tokens: readonly number[]): Promise<number> => {
    const { candidates } = await model.forward(cache, [{ tokens }], { heads: 1, topK: 1 });
    return candidates[0]?.[0]?.[0]?.ids[0] ?? 0;
  };
  /** As the engine does between texts: a pass computes over all the room that a cache has. */
  const empty = async (): Promise<void> => {
    cache.truncate(0, 0);
    await cache.trim();
  };
  return {
    async decode(context, tokens) {
      await empty();
      let next = await pass(promptOf(context));
      const start = performance.now();
      for (let i = 0; i < tokens; i++) next = await pass([next]);
      return (performance.now() - start) / tokens;
    },
    async prefill(tokens) {
      await empty();
      const start = performance.now();
      await pass(promptOf(tokens));
      return performance.now() - start;
    },
    async close() {
      await cache.dispose();
      await model.dispose();
      await runtime.dispose();
    },
  };
}

export function theirs(gguf: string, flashAttention: boolean): Promise<Contender> {
  const model = openLlama(gguf);
  const context = model.open({ sequences: 1, contextTokens: 1600, flashAttention });
  return Promise.resolve({
    decode: (length, tokens) => {
      let start = NaN;
      context.write([promptOf(length)], tokens + 1, () => (start = performance.now()));
      return Promise.resolve((performance.now() - start) / tokens);
    },
    prefill: (tokens) => {
      const start = performance.now();
      context.write([promptOf(tokens)], 1);
      return Promise.resolve(performance.now() - start);
    },
    close() {
      context.close();
      model.close();
      return Promise.resolve();
    },
  });
}
