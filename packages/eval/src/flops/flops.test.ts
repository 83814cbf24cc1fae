/** Counts from the graphs against counts by hand from the architecture. */
import { graphBuilder, type GraphStructure } from "@dynamo/onnx";
import { parseConfig, type ModelConfig } from "@dynamo/model";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { handCount } from "./hand-count.js";
import { passFlops, readModelGraph, type PassShape } from "./flops.js";

const passes: readonly PassShape[] = [
  { newPositions: 1, past: 0, allHeads: true },
  { newPositions: 1, past: 100, allHeads: false },
  { newPositions: 3, past: 17, allHeads: true },
  { newPositions: 5, wanted: 5, past: 40, allHeads: false },
  { newPositions: 3, wanted: 3, past: 40, allHeads: true, rows: 4 },
  { newPositions: 60, past: 0, allHeads: true },
];

const configOf = async (folder: string): Promise<ModelConfig> =>
  parseConfig(JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, unknown>);

test("the embedded models' graphs cost what their architecture says", async () => {
  for (const folder of [modelPath, basePath]) {
    const [graph, config] = [await readModelGraph(folder, "q8"), await configOf(folder)];
    for (const pass of passes) expect(passFlops(graph, pass)).toBe(handCount(config, pass));
  }
});

test("heads 2 and 3 of the embedded model cost less than head 1's pass; head 1 alone costs what the base does", async () => {
  const [graph, base] = [await readModelGraph(modelPath, "q8"), await readModelGraph(basePath, "q8")];
  const pass = { newPositions: 1, past: 50 };
  const one = passFlops(graph, { ...pass, allHeads: false });
  expect(one).toBe(passFlops(base, { ...pass, allHeads: false }));
  const overhead = passFlops(graph, { ...pass, allHeads: true }) / one - 1;
  expect(overhead).toBeGreaterThan(0.3);
  expect(overhead).toBeLessThan(0.9);
});

const ofBuilt = (build: (graph: ReturnType<typeof graphBuilder>) => void): GraphStructure => {
  const builder = graphBuilder("g");
  build(builder);
  const { nodes, inputs, outputs, initializers } = builder.finish();
  return {
    nodes,
    inputs,
    outputs: outputs.map(({ name }) => name),
    initializers: initializers.map(({ name, dtype, dims }) => ({
      name,
      dtype,
      dims,
      external: false,
      values: undefined,
    })),
  };
};
const none = { newPositions: 2, past: 0, allHeads: false };
const weight = (): Uint8Array => new Uint8Array();

test("products of every kind count, quantised ones by the floats that they stand for", () => {
  const graph = ofBuilt((g) => {
    const x = g.input("x", "float32", ["S", 6]);
    const y = g.op("Gemm", [x, g.initializer("w", "float32", [5, 6], weight)], { attributes: { transB: 1 } });
    const attributes = { K: 5, N: 7, bits: 4, block_size: 32 };
    g.op("MatMulNBits", [y, g.initializer("q", "uint8", [7, 1, 16], weight)], { domain: "com.microsoft", attributes });
  });
  expect(passFlops(graph, none)).toBe(2 * 2 * 6 * 5 + 2 * 2 * 5 * 7);
});

test("a graph of other operators, inputs or shapes has no count", () => {
  const count = (build: (graph: ReturnType<typeof graphBuilder>) => void) => (): number =>
    passFlops(ofBuilt(build), none);
  expect(count((g) => g.op("Conv", [g.input("x", "float32", ["S", 6])]))).toThrow("operator Conv");
  expect(count((g) => g.input("x", "float32", ["T"]))).toThrow("received T");
  const wrong = count((g) => {
    g.op("MatMul", [g.input("x", "float32", ["S", 6]), g.initializer("w", "float32", [5, 5], weight)]);
  });
  expect(wrong).toThrow("expected 6 rows of the second matrix, received 5");
});
