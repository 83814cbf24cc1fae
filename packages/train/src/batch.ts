/** From rows of tokens to what a training graph is fed: tokens, each head's targets, and what each target counts. */
import { DynamoError, tensor, type Tensor } from "@dynamo/core";

/** The shape of a training batch. */
export interface BatchShape {
  readonly batch: number;
  readonly sequence: number;
  /** N: head n's target at position t is token t + n. */
  readonly tokenHeads: number;
}

/** The rows of a training batch. */
export interface TokenRows {
  /** [batch, sequence + N], row-major: the last N tokens of a row are targets only. */
  readonly tokens: Int32Array;
  /** Which tokens count as targets, 1 or 0 each; all of them when absent. */
  readonly counted?: Uint8Array;
}

export interface TrainingFeeds {
  readonly tokens: Tensor<"int32">;
  readonly targets: Tensor<"int32">;
  readonly target_weights: Tensor<"float32">;
}

/** Tokens of a row of a batch: its positions and the targets beyond them. */
export const rowLength = ({ sequence, tokenHeads }: BatchShape): number => sequence + tokenHeads;

/** How many targets of the rows count, for each head. Throws `invalid-argument` when the rows have another size. */
export function targetCounts(rows: TokenRows, shape: BatchShape): number[] {
  checkSize(rows, shape);
  const { batch, sequence, tokenHeads } = shape;
  const { counted } = rows;
  if (counted === undefined) return new Array<number>(tokenHeads).fill(batch * sequence);
  const length = rowLength(shape);
  return Array.from({ length: tokenHeads }, (_, i) => {
    let count = 0;
    for (let row = 0; row < batch; row++) {
      const first = row * length + i + 1;
      for (let at = first; at < first + sequence; at++) count += counted[at] === 1 ? 1 : 0;
    }
    return count;
  });
}

/**
 * A target counts 1 / `totals` of its head: the mean over the rows' own targets, or, with the totals of all micro-batches of
 * a step, their part of the step's mean. Heads without a target get weights of 0. Throws `invalid-argument` when the rows
 * have another size.
 */
export function trainingFeeds(
  rows: TokenRows,
  shape: BatchShape,
  totals: readonly number[] = targetCounts(rows, shape),
): TrainingFeeds {
  checkSize(rows, shape);
  const { tokens, counted } = rows;
  const { batch, sequence, tokenHeads } = shape;
  const length = rowLength(shape);
  const size = batch * sequence;
  const inputs = new Int32Array(size);
  const targets = new Int32Array(tokenHeads * size);
  const weights = new Float32Array(tokenHeads * size);
  for (let row = 0; row < batch; row++)
    inputs.set(tokens.subarray(row * length, row * length + sequence), row * sequence);
  for (let head = 1; head <= tokenHeads; head++) {
    const base = (head - 1) * size;
    const weight = 1 / Math.max(1, totals[head - 1] as number);
    for (let i = 0; i < size; i++) {
      const at = Math.floor(i / sequence) * length + (i % sequence) + head;
      targets[base + i] = tokens[at] as number;
      weights[base + i] = counted === undefined || counted[at] === 1 ? weight : 0;
    }
  }
  return {
    tokens: tensor("int32", [batch, sequence], inputs),
    targets: tensor("int32", [tokenHeads, size], targets),
    target_weights: tensor("float32", [tokenHeads, size], weights),
  };
}

function checkSize({ tokens, counted }: TokenRows, shape: BatchShape): void {
  const [rows, length] = [shape.batch, rowLength(shape)];
  if (tokens.length === rows * length && (counted === undefined || counted.length === tokens.length)) return;
  const received = `${tokens.length} tokens${counted === undefined ? "" : ` and ${counted.length} flags`} in all`;
  throw new DynamoError("invalid-argument", `expected ${rows} rows of ${length} tokens, received ${received}`);
}
