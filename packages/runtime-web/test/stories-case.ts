/** What the embedded model is asked in Node and in browsers alike. */
import { autoregressive, dynamo, generate } from "@dynamo/decode";
import type { Runtime } from "@dynamo/core";
import { loadModel, type ModelFiles } from "@dynamo/model";

export interface StoriesAnswer {
  /** Token ids of a greedy text by strategy. */
  readonly texts: Readonly<Record<string, readonly number[]>>;
  /** All heads' logits after the prompt. */
  readonly logits: readonly number[];
}

const prompt = "Once upon a time, there was a little dog";

export async function askStories(
  runtime: Runtime,
  files: string | ModelFiles,
  maxNewTokens = 60,
): Promise<StoriesAnswer> {
  const model = await loadModel(runtime, files);
  try {
    const cache = await model.createCache({ rows: 1 });
    const feeds = [{ tokens: model.tokenizer.encode(prompt) }];
    const { logits } = await model.forward(cache, feeds, { heads: 3, topK: 1, logits: true });
    await cache.dispose();
    const texts: Record<string, readonly number[]> = {};
    for (const strategy of [autoregressive({ temperature: 0 }), dynamo({ temperature: 0 })])
      texts[strategy.name] = (await generate(model, prompt, { strategy, maxNewTokens })).tokens;
    return { texts, logits: [...((logits?.data ?? []) as Float32Array)] };
  } finally {
    await model.dispose();
  }
}
