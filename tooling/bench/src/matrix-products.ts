/** The matrix products of a training step, and how long ONNX Runtime's plain MatMul takes for the same shapes. */
import { encodeOnnx, graphBuilder, type OnnxModel } from "@dynamo/onnx";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { sequence, threads, tokenHeads, tokensOf, type TrainingCase } from "./training-case.js";

/** [stack, m, k] · [stack, k, n], so many times a step. */
export interface Product {
  readonly stack: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly count: number;
}

/** As the training graph does them: attention in four blocks of queries, logits for 512 rows at a time. */
const attentionBlocks = 4;
const chunkRows = 512;

export const operationsOf = (products: readonly Product[]): number =>
  products.reduce((sum, { stack, m, k, n, count }) => sum + 2 * stack * m * k * n * count, 0);

/** Forward products m·k·n, with the two of the backward pass: [m, n]·[n, k] and [k, m]·[m, n]. */
const withGradients = (products: readonly Product[]): Product[] =>
  products.flatMap((product) => {
    const { m, k, n } = product;
    return [product, { ...product, k: n, n: k }, { ...product, m: k, k: m, n }];
  });

export function stepProducts(own: TrainingCase): Product[] {
  const { hidden: d, heads, vocabulary, batch } = own;
  const rows = tokensOf(own);
  const layers = own.layers + tokenHeads - 1;
  const widths = [
    [d, 3 * d],
    [d, d],
    [d, 4 * d],
    [4 * d, d],
  ] as const;
  const linear = widths.map(([k, n]) => ({ stack: 1, m: rows, k, n, count: layers }));
  const logits = { stack: 1, m: chunkRows, k: d, n: vocabulary, count: (tokenHeads * rows) / chunkRows };
  const [size, block] = [d / heads, sequence / attentionBlocks];
  const attention = Array.from({ length: attentionBlocks }, (_, i) => {
    const same = { stack: batch * heads, m: block, count: layers };
    const seen = (i + 1) * block;
    return [
      { ...same, k: size, n: seen },
      { ...same, k: seen, n: size },
    ];
  });
  return withGradients([...linear, logits, ...attention.flat()]);
}

export interface PlainProducts {
  /** Seconds that all products of a step take. */
  run(): Promise<number>;
  dispose(): Promise<void>;
}

/**
 * One session for each shape, which multiplies as often as a step does. Of every product one element is used: nothing large is
 * copied out. Without optimisation, which would find the products equal and compute one.
 */
export async function plainProducts(products: readonly Product[]): Promise<PlainProducts> {
  const sessions: { session: InferenceSession; feeds: Record<string, Tensor> }[] = [];
  for (const product of products) {
    const session = await InferenceSession.create(await encodeOnnx(productGraph(product)), {
      intraOpNumThreads: threads,
      graphOptimizationLevel: "disabled",
      enableMemPattern: false,
      // By default a session's threads go on spinning for long after a run, on the cores that the next one needs.
      extra: { session: { intra_op: { spin_duration_us: "100" } } },
      logSeverityLevel: 4,
    });
    const { stack, m, k, n } = product;
    sessions.push({ session, feeds: { a: random([stack, m, k]), b: random([stack, k, n]) } });
  }
  return {
    async run() {
      const begun = performance.now();
      for (const { session, feeds } of sessions) await session.run(feeds);
      return (performance.now() - begun) / 1000;
    },
    async dispose() {
      for (const { session } of sessions) await session.release();
    },
  };
}

function productGraph({ stack, m, k, n, count }: Product): OnnxModel {
  const graph = graphBuilder("product");
  const a = graph.input("a", "float32", [stack, m, k]);
  const b = graph.input("b", "float32", [stack, k, n]);
  for (let i = 0; i < count; i++) {
    const product = graph.scope(String(i)).op("MatMul", [a, b]);
    const bounds = [graph.ints([0, 0, 0]), graph.ints([1, 1, 1]), graph.ints([0, 1, 2])];
    graph.output(`first.${i}`, graph.scope(String(i)).op("Slice", [product, ...bounds]), "float32", [1, 1, 1]);
  }
  return { graph: graph.finish(), opsets: { "": 21 }, metadata: {} };
}

function random(dims: readonly number[]): Tensor {
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.random() - 0.5);
  return new Tensor("float32", data, dims);
}
