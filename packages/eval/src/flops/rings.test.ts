/** Layers that forget: a window and a short convolution, counted from graphs against counts by hand. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { loadModel, parseConfig } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import type { GraphStructure } from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countPasses } from "./count-passes.js";
import { passFlops, readModelGraph } from "./flops.js";

const [hidden, between, vocabulary, window] = [16, 24, 40, 6];
const sizes = {
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: between,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
};
/** What the layers' products cost for each new position, and what they attend to. */
const models = [
  {
    name: "a window in both layers",
    json: { ...sizes, model_type: "mistral", sliding_window: window },
    layers: 2 * (4 * hidden * hidden + 3 * hidden * between),
    attended: (past: number, fresh: number) => 2 * (Math.min(past, window - 1 + 64) + fresh),
  },
  {
    name: "a convolution, and attention",
    json: { ...sizes, model_type: "lfm2", layer_types: ["conv", "full_attention"], block_auto_adjust_ff_dim: false },
    layers: 4 * hidden * hidden + 4 * hidden * hidden + 2 * 3 * hidden * between,
    attended: (past: number, fresh: number) => past + fresh,
  },
];

let folder: string;
let runtime: Runtime;
beforeAll(async () => {
  runtime = createNodeRuntime({ device: "cpu" });
  folder = await mkdtemp(join(tmpdir(), "dynamo-flops-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

describe.each(models)("$name", ({ name, json, layers, attended }) => {
  let graph: GraphStructure;
  beforeAll(async () => {
    const [source, model] = [join(folder, `${name} checkpoint`), join(folder, name)];
    await writeRandomCheckpoint(source, { config: parseConfig(json) });
    await convertCheckpoint(source, model);
    graph = await readModelGraph(model, "fp32");
  });
  const byHand = (past: number): number => 2 * (layers + 2 * hidden * attended(past, 1) + hidden * vocabulary);

  test.each([0, 1, 5, 69, 70, 200])("a token behind %d", (past) => {
    expect(passFlops(graph, { newPositions: 1, past, allHeads: false })).toBe(byHand(past));
  });

  test("passes behind more than a ring holds", async () => {
    const { model, take } = countPasses(await loadModel(runtime, join(folder, name), { dtype: "fp32" }), graph);
    for (const past of [3, 68, 69, 70, 150, 2]) {
      const cache = await model.createCache({ rows: 1 });
      await model.forward(cache, [{ tokens: new Array<number>(past).fill(1) }], { heads: 1, topK: 1 });
      take();
      await model.forward(cache, [{ tokens: [1] }], { heads: 1, topK: 1 });
      expect(take()).toBe(byHand(past));
      await cache.dispose();
    }
    await model.dispose();
  });
});
