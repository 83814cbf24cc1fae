/** Heads that other projects train, counted from their graphs against counts by hand. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import { afterAll, beforeAll, expect, test } from "vitest";
import { passFlops, readModelGraph, type PassShape } from "./flops.js";

const size = { hidden: 20, width: 2 * 8, keyValues: 8, between: 24, vocabulary: 40 };
const llama = {
  model_type: "llama",
  vocab_size: size.vocabulary,
  hidden_size: size.hidden,
  intermediate_size: size.between,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 8,
  max_position_embeddings: 64,
};
const shapes: readonly Omit<PassShape, "allHeads">[] = [
  { newPositions: 1, past: 9 },
  { newPositions: 5, wanted: 3, past: 0, rows: 2 },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-flops-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** What heads 2 and 3 add to a pass. */
async function extra(headKind: string, shape: Omit<PassShape, "allHeads">): Promise<number> {
  const [source, model] = [join(folder, `${headKind}-checkpoint`), join(folder, headKind)];
  await rm(source, { recursive: true, force: true });
  const config = parseConfig({ ...llama, dynamo: { token_heads: 3, head_kind: headKind } });
  await writeRandomCheckpoint(source, { config });
  const report = await convertCheckpoint(source, model, { overwrite: true });
  expect(report.untrainedHeads).toEqual([]);
  const graph = await readModelGraph(model, "fp32");
  return passFlops(graph, { ...shape, allHeads: true }) - passFlops(graph, { ...shape, allHeads: false });
}

const { hidden, width, keyValues, between, vocabulary } = size;

test.each(shapes)("two Medusa heads of one block, %o", async (shape) => {
  const { rows = 1, wanted = 1 } = shape;
  expect(await extra("medusa", shape)).toBe(2 * 2 * rows * wanted * (hidden * hidden + hidden * vocabulary));
});

test.each(shapes)("a module of multi-token prediction applied twice, %o", async (shape) => {
  const { rows = 1, wanted = 1, newPositions, past } = shape;
  const pair = 2 * hidden * hidden + 2 * hidden * keyValues;
  const attention = 2 * hidden * width + 2 * width * (past + newPositions);
  const draft = pair + attention + 3 * hidden * between + hidden * vocabulary;
  // The last position's state is found by a product, padded to whole attention heads.
  const found = past * 24;
  expect(await extra("mtp", shape)).toBe(2 * rows * (newPositions * pair + found + 2 * wanted * draft));
});
