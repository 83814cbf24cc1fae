/** What tokens between add to a head's logits (architectures/conditional.ts), computed beside the graph: sums of rows and short products. */
import { DynamoError, type ConditionalCandidates } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import { embeddingEpsilon, type ConditionalSizes } from "../architectures/conditional.js";
import { blockSize, dequantize } from "../graph/quantize.js";
import type { FloatMatrix, StoredMatrices, Table } from "./conditional-file.js";

/** Adds what these tokens between add to the logits of ids, or of all tokens, behind a head's state. */
export type AddBehind = ConditionalCandidates["addBehind"];

/** The conditional part of head n, from 2, behind what the graph made of a position's states, [2·between]. */
export type ConditionalPart = (state: Float32Array) => AddBehind;

export interface ConditionalParts {
  readonly sizes: ConditionalSizes;
  readonly ofHead: (head: number) => ConditionalPart;
}

/** Rows that are kept of what tokens add: a text's tokens come again and again, and a product over the width makes each. */
const keptRows = 2 ** 14;

/** Rows that are made when they are asked for. */
function rowsOf(make: (token: number) => Float32Array): (token: number) => Float32Array {
  const kept = new Map<number, Float32Array>();
  return (token) => {
    const before = kept.get(token);
    if (before !== undefined) return before;
    if (kept.size === keptRows) kept.clear();
    const made = make(token);
    kept.set(token, made);
    return made;
  };
}

export function conditionalParts(
  { tables, matrices }: StoredMatrices,
  sizes: ConditionalSizes,
  vocabularySize: number,
): ConditionalParts {
  const find = (name: string): FloatMatrix => matrices.get(name) as FloatMatrix;
  const embedding = tables.get("embedding") as Table;
  const output = tables.get("output") ?? embedding;
  const normed = rowsOf((token) => overRootMeanSquare(rowOf(embedding, token)));
  const parts = new Map<number, ConditionalPart>();
  const ofHead = (head: number): ConditionalPart => {
    const before = parts.get(head);
    if (before !== undefined) return before;
    const { pairs, between } = sizes;
    const outputs = [
      ...(pairs > 0 ? [find(`${head}.pairs.output`)] : []),
      ...(between > 0 ? [find(`${head}.between.output`)] : []),
    ];
    const part = conditionalPart({
      ...{ head, sizes, vocabularySize },
      pairRow: pairs > 0 ? rowsOf((token) => rowOf(tables.get(`${head}.pairs.embedding`) as Table, token)) : undefined,
      tokenRows:
        between > 0
          ? Array.from({ length: head - 1 }, (_, i) =>
              rowsOf((token) => product(find(`${head}.between.token_${i + 1}`), normed(token))),
            )
          : [],
      outputRow: rowsOf((token) => transposedProducts(outputs, rowOf(output, token))),
    });
    parts.set(head, part);
    return part;
  };
  return { sizes, ofHead };
}

interface PartRows {
  readonly head: number;
  readonly sizes: ConditionalSizes;
  readonly vocabularySize: number;
  /** a(x) [pairs] */
  readonly pairRow: ((token: number) => Float32Array) | undefined;
  /** U_j·e(x) [2·between] by j */
  readonly tokenRows: readonly ((token: number) => Float32Array)[];
  /** [P O]ᵀ·(the token's row of the output embedding) [pairs + between] */
  readonly outputRow: (token: number) => Float32Array;
}

function conditionalPart({ head, sizes, vocabularySize, pairRow, tokenRows, outputRow }: PartRows): ConditionalPart {
  const { pairs, between: width } = sizes;
  const units = new Float32Array(pairs + width);
  const sums = new Float32Array(2 * width);
  let whole: Float32Array | undefined;

  function unitsBehind(state: Float32Array, tokens: ArrayLike<number>): void {
    if (pairRow !== undefined) units.set(pairRow(tokens[head - 2] as number));
    sums.set(state);
    for (const [j, rowFor] of tokenRows.entries()) {
      const row = rowFor(tokens[j] as number);
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (row[i] as number);
    }
    for (let i = 0; i < width; i++) {
      const u = sums[i] as number;
      units[pairs + i] = (u / (1 + Math.exp(-u))) * (sums[width + i] as number);
    }
  }

  return (state) => (tokens, ids, into) => {
    checkBetween(head, tokens, vocabularySize);
    unitsBehind(state, tokens);
    if (ids === undefined) {
      const table = (whole ??= tableOf(outputRow, vocabularySize, units.length));
      for (let i = 0; i < vocabularySize; i++) into[i] = (into[i] as number) + dot(units, table, i * units.length);
      return;
    }
    for (let i = 0; i < ids.length; i++) into[i] = (into[i] as number) + dot(units, outputRow(ids[i] as number));
  };
}

/** All rows side by side: four times quicker to go through than one by one, for whoever asks about all tokens. */
function tableOf(rowFor: (token: number) => Float32Array, rows: number, width: number): Float32Array {
  const table = new Float32Array(rows * width);
  for (let token = 0; token < rows; token++) table.set(rowFor(token), token * width);
  return table;
}

function checkBetween(head: number, tokens: ArrayLike<number>, vocabularySize: number): void {
  const isToken = (token: number): boolean => Number.isInteger(token) && token >= 0 && token < vocabularySize;
  let isRight = tokens.length === head - 1;
  for (let i = 0; isRight && i < tokens.length; i++) isRight = isToken(tokens[i] as number);
  if (isRight) return;
  throw new DynamoError(
    "invalid-argument",
    `head ${head} knows ${head - 1} tokens between, from 0 to ${vocabularySize - 1}: received ${describeValue(Array.from(tokens))}`,
  );
}

/** a · b[from..] */
function dot(a: Float32Array, b: Float32Array, from = 0): number {
  // Four sums: each waits for its own last product only.
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < a.length; i += 4) {
    first += (a[i] as number) * (b[from + i] as number);
    second += (a[i + 1] as number) * (b[from + i + 1] as number);
    third += (a[i + 2] as number) * (b[from + i + 2] as number);
    fourth += (a[i + 3] as number) * (b[from + i + 3] as number);
  }
  for (; i < a.length; i++) first += (a[i] as number) * (b[from + i] as number);
  return first + second + (third + fourth);
}

function rowOf({ columns, quantized }: Table, row: number): Float32Array {
  const blocks = Math.ceil(columns / blockSize);
  const values = quantized.values.subarray(row * blocks * blockSize, (row + 1) * blocks * blockSize);
  const scales = quantized.scales.subarray(row * blocks, (row + 1) * blocks);
  return dequantize({ values, scales }, 1, columns, 8);
}

function overRootMeanSquare(row: Float32Array): Float32Array {
  const inverse = 1 / Math.sqrt(dot(row, row) / row.length + embeddingEpsilon);
  return row.map((value) => value * inverse);
}

/** M·x */
function product({ floats, columns }: FloatMatrix, x: Float32Array): Float32Array {
  const result = new Float32Array(floats.length / columns);
  for (let row = 0; row < result.length; row++) result[row] = dot(x, floats, row * columns);
  return result;
}

/** Mᵀ·x of several matrices, one behind the other. */
function transposedProducts(matrices: readonly FloatMatrix[], x: Float32Array): Float32Array {
  const result = new Float32Array(matrices.reduce((sum, { columns }) => sum + columns, 0));
  let first = 0;
  for (const { floats, columns } of matrices) {
    const sums = result.subarray(first, first + columns);
    for (let row = 0; row < x.length; row++) {
      const [from, factor] = [row * columns, x[row] as number];
      for (let i = 0; i < columns; i++) sums[i] = (sums[i] as number) + factor * (floats[from + i] as number);
    }
    first += columns;
  }
  return result;
}
