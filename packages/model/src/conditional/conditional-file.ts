/**
 * conditional.safetensors of a model folder: what conditional parts add for the tokens between, computed beside the graph.
 *
 * `embedding` and, unless embeddings are tied, `output` [vocabulary, hidden], and of each head n `n.pairs.embedding` [vocabulary, pairs],
 * in 8 bits (`….values` uint8 [rows, blocks · 32], `….scales` float32 [rows, blocks], as in the graphs); `n.pairs.output`
 * [hidden, pairs], `n.between.token_j` [2·between, hidden] and `n.between.output` [hidden, between] in float32.
 */
import { byteSize, DynamoError, elementCount, viewOf, type DType } from "@dynamo/core";
import { encodeSafetensorsHeader, parseSafetensorsHeader, type SafetensorsEntry } from "@dynamo/core/safetensors";
import { architectureOf, type ModelConfig } from "../architectures/config.js";
import { conditionalPrefix, tokenTensor } from "../architectures/conditional.js";
import { outputEmbedding } from "../architectures/tensor-names.js";
import { extraHeads } from "../graph/cache-tensors.js";
import type { ReadTensor } from "../graph/product-weights.js";
import { blockSize, quantize, type QuantizedMatrix } from "../graph/quantize.js";
import { bytesOf } from "../graph/weights.js";

const format = { format: "dynamo-conditional", version: "1" };

/** A matrix of the file; `source` is its tensor in the checkpoint. */
interface Matrix {
  readonly name: string;
  readonly source: string;
  readonly rows: number;
  readonly columns: number;
  readonly isQuantized: boolean;
}

function matricesOf(config: ModelConfig): Matrix[] {
  const { vocabularySize, hiddenSize, tiedEmbeddings, conditional } = config;
  if (conditional === undefined) return [];
  const { pairs, between } = conditional;
  const table = (name: string, source: string, columns: number): Matrix => ({
    ...{ name, source, columns },
    rows: vocabularySize,
    isQuantized: true,
  });
  const matrix = (name: string, source: string, rows: number, columns: number): Matrix => ({
    ...{ name, source, rows, columns },
    isQuantized: false,
  });
  return [
    table("embedding", `${architectureOf(config).embedding}.weight`, hiddenSize),
    ...(tiedEmbeddings ? [] : [table("output", outputEmbedding(config, 1), hiddenSize)]),
    ...extraHeads(config).flatMap((head) => {
      const prefix = conditionalPrefix(head);
      const ofPairs = [
        table(`${head}.pairs.embedding`, `${prefix}.pairs.embedding.weight`, pairs),
        matrix(`${head}.pairs.output`, `${prefix}.pairs.output.weight`, hiddenSize, pairs),
      ];
      const ofBetween = [
        ...Array.from({ length: head - 1 }, (_, i) =>
          matrix(`${head}.between.token_${i + 1}`, tokenTensor(head, i + 1), 2 * between, hiddenSize),
        ),
        matrix(`${head}.between.output`, `${prefix}.between.output.weight`, hiddenSize, between),
      ];
      return [...(pairs > 0 ? ofPairs : []), ...(between > 0 ? ofBetween : [])];
    }),
  ];
}

interface Stored {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

const blocksOf = ({ columns }: Matrix): number => Math.ceil(columns / blockSize);

/** Floats first, so that each tensor starts on a multiple of its element's size. */
function storedOf(matrices: readonly Matrix[]): Stored[] {
  const floats = matrices.map((each): Stored =>
    each.isQuantized
      ? { name: `${each.name}.scales`, dtype: "float32", shape: [each.rows, blocksOf(each)] }
      : { name: each.name, dtype: "float32", shape: [each.rows, each.columns] },
  );
  const values = matrices
    .filter(({ isQuantized }) => isQuantized)
    .map((each): Stored => ({
      name: `${each.name}.values`,
      dtype: "uint8",
      shape: [each.rows, blocksOf(each) * blockSize],
    }));
  return [...floats, ...values];
}

/** The file's bytes, for a config with conditional parts. */
export async function encodeConditional(config: ModelConfig, read: ReadTensor): Promise<Uint8Array> {
  const matrices = matricesOf(config);
  const stored = storedOf(matrices);
  const header = encodeSafetensorsHeader(stored, format);
  const { tensors } = parseSafetensorsHeader(header, Number.MAX_SAFE_INTEGER);
  const end = Math.max(...[...tensors.values()].map(({ byteOffset, byteLength }) => byteOffset + byteLength));
  const file = new Uint8Array(end);
  file.set(header);
  const put = (name: string, data: ArrayBufferView): void =>
    file.set(bytesOf(data), (tensors.get(name) as SafetensorsEntry).byteOffset);
  for (const { name, source, rows, columns, isQuantized } of matrices) {
    const weight = await read(source);
    if (!isQuantized) {
      put(name, weight);
      continue;
    }
    const { values, scales } = quantize(weight, rows, columns, 8);
    put(`${name}.values`, values);
    put(`${name}.scales`, scales);
  }
  return file;
}

/** A matrix [rows, columns], row-major. */
export interface FloatMatrix {
  readonly columns: number;
  readonly floats: Float32Array;
}

/** One of which rows are looked up, in 8 bits. */
export interface Table {
  readonly columns: number;
  readonly quantized: QuantizedMatrix;
}

/** What the file holds, each by its name. */
export interface StoredMatrices {
  readonly tables: ReadonlyMap<string, Table>;
  readonly matrices: ReadonlyMap<string, FloatMatrix>;
}

/** The file's matrices by their names. Throws `invalid-file` for one that is damaged, or made for another config. */
export function decodeConditional(bytes: Uint8Array, config: ModelConfig): StoredMatrices {
  const { tensors, metadata } = parseSafetensorsHeader(bytes, bytes.length);
  for (const [key, expected] of Object.entries(format))
    if (metadata[key] !== expected)
      throw new DynamoError("invalid-file", `expected ${key} ${expected}, received ${metadata[key] ?? "none"}`);
  const matrices = matricesOf(config);
  const data = new Map<string, ArrayBufferView>();
  for (const { name, dtype, shape } of storedOf(matrices)) {
    const entry = tensors.get(name);
    if (entry?.dtype !== dtype || entry.shape.join() !== shape.join()) {
      const found = entry === undefined ? "none" : `${entry.dtype} [${entry.shape.join(", ")}]`;
      throw new DynamoError(
        "invalid-file",
        `expected tensor ${name} as ${dtype} [${shape.join(", ")}], received ${found}`,
      );
    }
    data.set(name, dataOf(bytes, name, entry));
  }
  const tables = matrices
    .filter(({ isQuantized }) => isQuantized)
    .map(({ name, columns }): [string, Table] => {
      const [values, scales] = [data.get(`${name}.values`), data.get(`${name}.scales`)];
      return [name, { columns, quantized: { values: values as Uint8Array, scales: scales as Float32Array } }];
    });
  const floats = matrices
    .filter(({ isQuantized }) => !isQuantized)
    .map(({ name, columns }): [string, FloatMatrix] => [name, { columns, floats: data.get(name) as Float32Array }]);
  return { tables: new Map(tables), matrices: new Map(floats) };
}

/** Where it lies, or a copy when it lies at an odd address. */
function dataOf(
  bytes: Uint8Array,
  name: string,
  { dtype, shape, byteOffset, byteLength }: SafetensorsEntry,
): ArrayBufferView {
  const start = bytes.byteOffset + byteOffset;
  const isAligned = start % byteSize(dtype) === 0;
  const own = isAligned ? bytes : bytes.slice(byteOffset, byteOffset + byteLength);
  const data = viewOf(dtype, own.buffer as ArrayBuffer, isAligned ? start : 0, elementCount(shape));
  if (data instanceof Float32Array && !data.every(Number.isFinite))
    throw new DynamoError("invalid-file", `tensor ${name} has values that are not finite`);
  return data;
}
