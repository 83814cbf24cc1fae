/** The embedded models that the workspace ships, and how the benches open them. */
import { loadModel, type LoadedModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath as storiesPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { modelPath as t4Path } from "@dynamo/stories-t4";

/** The one-head model that the others were made from. */
export const baseModel = { name: "@dynamo/stories-base", folder: basePath } as const;

/** By their packages' names. */
export const modelsWithHeads: ReadonlyMap<string, string> = new Map([
  ["@dynamo/stories", storiesPath],
  ["@dynamo/stories-t4", t4Path],
]);

/** Loads a model folder on the CPU for as long as `use` takes. */
export async function withModel<T>(folder: string, use: (model: LoadedModel) => Promise<T>): Promise<T> {
  const runtime = createNodeRuntime({ device: "cpu" });
  try {
    const model = await loadModel(runtime, folder);
    try {
      return await use(model);
    } finally {
      await model.dispose();
    }
  } finally {
    await runtime.dispose();
  }
}

/** Log-probability, in nats, that head 1..N give to each token behind the first; [head][position], shorter for later heads. */
export async function scoreTokens(model: LoadedModel, tokens: readonly number[]): Promise<Float64Array[]> {
  const { tokenHeads, vocabularySize } = model.info;
  const cache = await model.createCache({ rows: 1 });
  try {
    const fed = tokens.slice(0, -1);
    const { logits } = await model.forward(cache, [{ tokens: fed, positions: fed.length }], {
      heads: tokenHeads,
      topK: 1,
      logits: true,
    });
    const values = logits?.data ?? new Float32Array();
    return Array.from({ length: tokenHeads }, (_, head) =>
      Float64Array.from({ length: Math.max(0, fed.length - head) }, (_unused, position) => {
        const from = (position * tokenHeads + head) * vocabularySize;
        return logProbability(values.subarray(from, from + vocabularySize), tokens[position + head + 1] ?? 0);
      }),
    );
  } finally {
    await cache.dispose();
  }
}

function logProbability(logits: Float32Array, token: number): number {
  let most = -Infinity;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return (logits[token] ?? NaN) - most - Math.log(sum);
}
