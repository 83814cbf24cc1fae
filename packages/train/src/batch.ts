/** From rows of tokens to what a training graph is fed: tokens, each head's targets, and what each target counts. */
import { DynamoError, tensor, type Tensor } from "@dynamo/core";

export interface BatchShape {
  readonly batch: number;
  readonly sequence: number;
  /** N: head n's target at position t is token t + n. */
  readonly tokenHeads: number;
}

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

/**
 * A head's loss is the mean over its counted targets, times `share` (1 / micro-batches of a step). Throws
 * `invalid-argument` when the rows have another size, and when a head has no counted target.
 */
export function trainingFeeds({ tokens, counted }: TokenRows, shape: BatchShape, share = 1): TrainingFeeds {
  const { batch, sequence, tokenHeads } = shape;
  const length = rowLength(shape);
  if (tokens.length !== batch * length || (counted !== undefined && counted.length !== tokens.length)) {
    throw new DynamoError(
      "invalid-argument",
      `expected ${batch} rows of ${length} tokens, received ${tokens.length} tokens in all`,
    );
  }
  const rows = batch * sequence;
  const inputs = new Int32Array(rows);
  const targets = new Int32Array(tokenHeads * rows);
  const weights = new Float32Array(tokenHeads * rows);
  for (let row = 0; row < batch; row++)
    inputs.set(tokens.subarray(row * length, row * length + sequence), row * sequence);
  for (let head = 1; head <= tokenHeads; head++) {
    const base = (head - 1) * rows;
    let count = 0;
    for (let i = 0; i < rows; i++) {
      const at = Math.floor(i / sequence) * length + (i % sequence) + head;
      targets[base + i] = tokens[at] as number;
      const counts = counted === undefined || counted[at] === 1;
      weights[base + i] = counts ? 1 : 0;
      if (counts) count++;
    }
    if (count === 0) throw new DynamoError("invalid-argument", `head ${head} has no target in this batch`);
    for (let i = base; i < base + rows; i++) weights[i] = ((weights[i] as number) * share) / count;
  }
  return {
    tokens: tensor("int32", [batch, sequence], inputs),
    targets: tensor("int32", [tokenHeads, rows], targets),
    target_weights: tensor("float32", [tokenHeads, rows], weights),
  };
}
