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

/** Rows of U_j·e(x) that are kept of each head and j: a text's tokens come again and again, and a product over the width makes each. */
const keptRows = 2 ** 12;

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
  const embedding = tables.get("embedding") as Table;
  const model = { sizes, vocabularySize, tables, matrices, embedding, output: tables.get("output") ?? embedding };
  const parts = new Map<number, ConditionalPart>();
  const ofHead = (head: number): ConditionalPart => {
    const before = parts.get(head);
    if (before !== undefined) return before;
    const part = conditionalPart(head, model);
    parts.set(head, part);
    return part;
  };
  return { sizes, ofHead };
}

interface PartsModel extends StoredMatrices {
  readonly sizes: ConditionalSizes;
  readonly vocabularySize: number;
  readonly embedding: Table;
  readonly output: Table;
}

/**
 * The tokens between make one vector of the model's width, P·a(x) + O·units, which rows of the output embedding are multiplied with: one
 * product a context, and no tables beside the embeddings. (Rows made of P, O and the embedding once and for all would save that product,
 * but a short text is made of tokens that are met for the first time: docs/decisions/0021-conditional-parts.md.)
 */
function conditionalPart(head: number, { sizes, vocabularySize, tables, matrices, embedding, output }: PartsModel) {
  const width = sizes.between;
  const find = (name: string): FloatMatrix => matrices.get(`${head}.${name}`) as FloatMatrix;
  const pairTable = tables.get(`${head}.pairs.embedding`);
  const [pairOutput, unitOutput] = [find("pairs.output"), find("between.output")];
  const tokenRows = Array.from({ length: width > 0 ? head - 1 : 0 }, (_, i) => {
    const weights = find(`between.token_${i + 1}`);
    return rowsOf((token) => {
      const row = new Float32Array(2 * width);
      addProduct(weights, overRootMeanSquare(rowOf(embedding, token)), row);
      return row;
    });
  });
  const sums = new Float32Array(2 * width);
  const units = new Float32Array(width);
  const added = new Float32Array(output.columns);

  function addedBehind(state: Float32Array, tokens: ArrayLike<number>): Float32Array {
    added.fill(0);
    if (pairTable !== undefined) addProduct(pairOutput, rowOf(pairTable, tokens[head - 2] as number), added);
    if (width === 0) return added;
    sums.set(state);
    for (let j = 0; j < tokenRows.length; j++) {
      const row = (tokenRows[j] as (token: number) => Float32Array)(tokens[j] as number);
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (row[i] as number);
    }
    for (let i = 0; i < width; i++) {
      const u = sums[i] as number;
      units[i] = (u / (1 + Math.exp(-u))) * (sums[width + i] as number);
    }
    addProduct(unitOutput, units, added);
    return added;
  }

  const part: ConditionalPart = (state) => (tokens, ids, into) => {
    checkBetween(head, tokens, vocabularySize);
    const behind = addedBehind(state, tokens);
    const count = ids === undefined ? vocabularySize : ids.length;
    for (let i = 0; i < count; i++)
      into[i] = (into[i] as number) + dotRow(output, ids === undefined ? i : (ids[i] as number), behind);
  };
  return part;
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

function rowOf({ columns, quantized }: Table, row: number): Float32Array {
  const blocks = Math.ceil(columns / blockSize);
  const values = quantized.values.subarray(row * blocks * blockSize, (row + 1) * blocks * blockSize);
  const scales = quantized.scales.subarray(row * blocks, (row + 1) * blocks);
  return dequantize({ values, scales }, 1, columns, 8);
}

/** A table's row · x */
function dotRow({ columns, quantized: { values, scales } }: Table, row: number, x: Float32Array): number {
  const blocks = Math.ceil(columns / blockSize);
  let sum = 0;
  for (let block = 0; block < blocks; block++) {
    const [place, from] = [row * blocks + block, block * blockSize];
    const count = Math.min(blockSize, columns - from);
    let products = 0;
    for (let i = 0; i < count; i++)
      products += ((values[place * blockSize + i] as number) - 128) * (x[from + i] as number);
    sum += products * (scales[place] as number);
  }
  return sum;
}

function overRootMeanSquare(row: Float32Array): Float32Array {
  let squares = 0;
  for (let i = 0; i < row.length; i++) squares += (row[i] as number) ** 2;
  const inverse = 1 / Math.sqrt(squares / row.length + embeddingEpsilon);
  return row.map((value) => value * inverse);
}

/** into += M·x */
function addProduct({ floats, columns }: FloatMatrix, x: Float32Array, into: Float32Array): void {
  for (let row = 0; row < into.length; row++) {
    const from = row * columns;
    // Four sums: each waits for its own last product only.
    let first = 0;
    let second = 0;
    let third = 0;
    let fourth = 0;
    let i = 0;
    for (; i + 3 < columns; i += 4) {
      first += (floats[from + i] as number) * (x[i] as number);
      second += (floats[from + i + 1] as number) * (x[i + 1] as number);
      third += (floats[from + i + 2] as number) * (x[i + 2] as number);
      fourth += (floats[from + i + 3] as number) * (x[i + 3] as number);
    }
    for (; i < columns; i++) first += (floats[from + i] as number) * (x[i] as number);
    into[row] = (into[row] as number) + first + second + (third + fourth);
  }
}
