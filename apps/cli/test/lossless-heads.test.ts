/** `verified` with heads that other projects have trained: its sampled texts have head 1's own distribution. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate, verified } from "@dynamo/decode";
import { loadModel, parseConfig, type LoadedModel } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, expect, test } from "vitest";

const vocabulary = 12;
const llama = {
  model_type: "llama",
  vocab_size: vocabulary,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 32,
};
/** Random weights give logits that differ little: it makes of them what a trained model has. */
const temperature = 0.05;
const prompt = [5, 9, 11];
const [batches, rows] = [5, 400];

const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-lossless-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

/** Head 1's probabilities of the token behind each of these texts. */
async function probabilities(model: LoadedModel, texts: readonly (readonly number[])[]): Promise<number[][]> {
  const cache = await model.createCache({ rows: texts.length });
  const feeds = texts.map((tokens) => ({ tokens }));
  const { candidates } = await model.forward(cache, feeds, { heads: 1, topK: vocabulary });
  await cache.dispose();
  return candidates.map((positions) => {
    const [{ ids, logits } = { ids: [], logits: [] }] = positions[0] ?? [];
    const result = new Array<number>(vocabulary).fill(0);
    ids.forEach((id, i) => (result[id] = Math.exp(((logits[i] ?? NaN) - (logits[0] ?? NaN)) / temperature)));
    const sum = result.reduce((total, value) => total + value, 0);
    return result.map((value) => value / sum);
  });
}

test.each(["medusa", "mtp", "deepseek-mtp"])("with %s heads", async (headKind) => {
  const [source, target] = [join(folder, `${headKind}-checkpoint`), join(folder, headKind)];
  await writeRandomCheckpoint(source, {
    config: parseConfig({ ...llama, dynamo: { token_heads: 3, head_kind: headKind } }),
  });
  await convertCheckpoint(source, target);
  const model = await loadModel(runtime, target);
  const [first = []] = await probabilities(model, [prompt]);
  const behind = await probabilities(
    model,
    first.map((_, token) => [...prompt, token]),
  );
  const strategy = verified({ temperature, topK: vocabulary, repetitionPenalty: 1, topP: 1 });
  const counts = new Map<string, number>();
  let passes = 0;
  for (let seed = 0; seed < batches; seed++) {
    const prompts = Array.from({ length: rows }, () => prompt);
    const settings = { strategy, seed, maxNewTokens: 3, stopAtEndOfText: false };
    for (const { tokens, statistics } of await generate(model, prompts, settings)) {
      passes += statistics.passes;
      const text = tokens.slice(0, 2).join();
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  }
  const cells = first.flatMap((p, a) =>
    (behind[a] ?? []).map((q, b) => ({ expected: p * q * batches * rows, received: counts.get(`${a},${b}`) ?? 0 })),
  );
  const often = cells.filter(({ expected: e }) => e >= 5);
  const statistic = often.reduce((sum, { expected: e, received }) => sum + (received - e) ** 2 / e, 0);
  expect(often.length).toBeGreaterThan(30);
  // Four deviations above the degrees of freedom.
  expect(statistic).toBeLessThan(often.length + 4 * Math.sqrt(2 * often.length));
  // Drafts are taken, and are refused.
  expect(passes).toBeGreaterThan(2.1 * batches * rows);
  expect(passes).toBeLessThan(2.98 * batches * rows);
  await model.dispose();
});
