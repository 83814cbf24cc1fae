/** Token heads of every kind on a base whose last layer has a convolution: what a whole text gives, however it is fed. */
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, expect, test } from "vitest";
import { parseConfig } from "../src/architectures/config.js";
import { baseShapes, headShapes } from "../src/architectures/tensor-names.js";
import { initialTensor } from "../src/checkpoint/initial-weights.js";
import { loadModel } from "../src/folder/load.js";
import { logitsInPieces, pieceSizes } from "./logits-in-pieces.js";
import { memoryFiles, safetensors } from "./memory-files.js";

const base = {
  ...{ model_type: "lfm2", vocab_size: 50, hidden_size: 20, intermediate_size: 24, block_auto_adjust_ff_dim: false },
  // Values of a convolution do not fill the cache's heads of 8.
  ...{ num_hidden_layers: 3, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8, conv_L_cache: 4 },
  ...{ layer_types: ["conv", "full_attention", "conv"], max_position_embeddings: 128 },
};
const rows = [1, 2].map((seed) => Array.from({ length: 90 }, (_, i) => (i * i * 7 + seed * 31 + i) % 50));
const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
afterAll(() => runtime.dispose());

test.each([
  { token_heads: 3 },
  { token_heads: 3, head_layers: 2 },
  { token_heads: 3, head_input: "last" },
  { token_heads: 3, head_input: "previous", head_layers: 2 },
  { token_heads: 3, head_kind: "medusa", head_layers: 2 },
  { token_heads: 3, head_kind: "mtp" },
])("%j", async (dynamo) => {
  const config = parseConfig({ ...base, dynamo });
  const shapes = [baseShapes(config), headShapes(config, 2), headShapes(config, 3)].flatMap((each) => [...each]);
  // Large enough that a convolution matters.
  const tensors = shapes.map(([name, shape]) => ({
    ...{ name, shape },
    data: initialTensor(name, shape, 3).map((value) => (shape.length === 1 ? value : 15 * value)),
  }));
  const files = { "config.json": JSON.stringify({ ...base, dynamo }), "model.safetensors": safetensors(tensors) };
  const model = await loadModel(runtime, memoryFiles(files), { dtype: "fp32" });
  const known = model.info.conditionalHeads === true ? rows : undefined;
  const [whole = [], ...others] = await Promise.all(
    pieceSizes.map((sizeOf) => logitsInPieces(model, rows, sizeOf, known)),
  );
  const largest = Math.max(...whole.flat().map((logits) => Math.max(...logits.map(Math.abs))));
  expect(largest).toBeGreaterThan(1);
  for (const pieces of others)
    for (const [row, all] of pieces.entries())
      for (const [i, logits] of all.entries())
        for (const [id, value] of logits.entries())
          expect(Math.abs(value - (whole[row]?.[i]?.[id] ?? NaN))).toBeLessThan(1e-4 * largest);
  await model.dispose();
});
