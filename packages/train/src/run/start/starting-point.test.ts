/** Where runs begin: what heads that a checkpoint lacks are made of. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { neoxConfigJson, parseConfig } from "@dynamo/model";
import { writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { Runtime } from "@dynamo/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { byteDataset, temporaryFolder, tinyRun } from "../../__fixtures__/tiny.js";
import { openStart, type OpenStart } from "./starting-point.js";
import { train } from "../train.js";
import type { TrainingConfigInput } from "./training-config.js";

let runtime: Runtime;
let folder: string;
let dataset: string;
let checkpoint: string;

beforeAll(async () => {
  runtime = createNodeRuntime({ device: "cpu", threads: 1 });
  folder = temporaryFolder();
  dataset = await byteDataset(folder);
  const run = await train(runtime, join(folder, "base"), tinyRun(dataset, { tokenHeads: 1, steps: 1 }));
  checkpoint = run.checkpoint;
});
afterAll(async () => {
  await runtime.dispose();
  rmSync(folder, { recursive: true });
});

async function withStart<T>(changes: Partial<TrainingConfigInput>, use: (start: OpenStart) => Promise<T>): Promise<T> {
  const start = await openStart(tinyRun(dataset, { architecture: undefined, checkpoint, tokenHeads: 3, ...changes }));
  try {
    return await use(start);
  } finally {
    await start.close();
  }
}

const inLayer = "mlp.dense_h_to_4h.weight";

test("copied heads are the base's last layer, in each of a head's layers", async () => {
  await withStart({ headInitialisation: "copied", headLayers: 2 }, async ({ weights, config }) => {
    const last = await weights(`gpt_neox.layers.${config.layers - 1}.${inLayer}`);
    for (const head of [2, 3])
      for (const layer of [0, 1])
        expect(await weights(`dynamo.token_heads.${head}.layers.${layer}.${inLayer}`)).toEqual(last);
  });
  await withStart({ headInitialisation: "copied" }, async ({ weights, config }) => {
    const last = await weights(`gpt_neox.layers.${config.layers - 1}.${inLayer}`);
    expect(await weights(`dynamo.token_heads.2.${inLayer}`)).toEqual(last);
  });
});

test("heads' own output embeddings begin as the base's, however the heads do", async () => {
  const name = "dynamo.token_heads.3.embed_out.weight";
  for (const headInitialisation of ["random", "copied"] as const)
    await withStart({ ownOutputEmbedding: true, headInitialisation }, async ({ weights, config }) => {
      expect(config.ownOutputEmbedding).toBe(true);
      expect(await weights(name)).toEqual(await weights("embed_out.weight"));
    });
  const fresh = await openStart(tinyRun(dataset, { ownOutputEmbedding: true, tokenHeads: 3 }));
  expect(await fresh.weights(name)).toEqual(await fresh.weights("embed_out.weight"));
});

test("by default heads begin at random, each at its own place", async () => {
  await withStart({}, async ({ weights, config }) => {
    const [last, second, third] = [
      await weights(`gpt_neox.layers.${config.layers - 1}.${inLayer}`),
      await weights(`dynamo.token_heads.2.${inLayer}`),
      await weights(`dynamo.token_heads.3.${inLayer}`),
    ];
    expect(second).not.toEqual(last);
    expect(second).not.toEqual(third);
  });
});

test.each([
  [
    "heads with an output embedding of their own",
    { token_heads: 2, own_output_embedding: true },
    /received heads with/,
  ],
  ["logits that are capped", { token_heads: 2 }, /not capped, received a cap of 3/],
])("conditional parts are refused before anything is trained: %s", async (name, dynamo, message) => {
  const neox = neoxConfigJson({ vocabularySize: 32, hiddenSize: 32, layers: 2, attentionHeads: 2, contextLength: 64 });
  const capped = {
    ...{ model_type: "gemma2", vocab_size: 32, hidden_size: 32, num_hidden_layers: 2, intermediate_size: 32 },
    ...{ num_attention_heads: 2, num_key_value_heads: 2, head_dim: 16, max_position_embeddings: 64 },
    final_logit_softcapping: 3,
  };
  const own = name.includes("capped") ? capped : neox;
  const place = join(folder, name.replaceAll(" ", "-"));
  await writeRandomCheckpoint(place, { config: parseConfig({ ...own, dynamo }) });
  const changes = { architecture: undefined, checkpoint: place, tokenHeads: 2, conditional: { between: 4 } };
  const start = openStart(tinyRun(dataset, changes));
  await expect(start).rejects.toMatchObject({ code: "unsupported" });
  await expect(start).rejects.toThrow(message);
});

test("a new model is refused conditional parts beside output embeddings of the heads' own", async () => {
  const changes = { ownOutputEmbedding: true, conditional: { pairs: 4 } };
  await expect(openStart(tinyRun(dataset, changes))).rejects.toThrow(/share the base's output embedding/);
});

test.each([
  ["", {}],
  [", for conditional parts too", { conditional: { between: 4 } }],
  [", for parts alone", { conditional: { pairs: 4 }, train: "conditional" }],
] as const)("a checkpoint with Medusa heads is refused%s: they are converted, not trained on", async (_, changes) => {
  const config = parseConfig({
    ...neoxConfigJson({ vocabularySize: 32, hiddenSize: 32, layers: 2, attentionHeads: 2, contextLength: 64 }),
    dynamo: { token_heads: 2, head_kind: "medusa" },
  });
  const medusa = join(folder, `medusa-${Object.keys(changes).join("-")}`);
  await writeRandomCheckpoint(medusa, { config });
  await expect(
    openStart(tinyRun(dataset, { architecture: undefined, checkpoint: medusa, tokenHeads: 2, ...changes })),
  ).rejects.toThrow("expected decoder heads or none, received medusa heads");
});
