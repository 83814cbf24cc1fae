/** Batches of windows of a packed token stream, the next one read while the last is trained on. */
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import type { TokenRows } from "../batch.js";
import type { ShardReader } from "./shard-reader.js";
import type { Split } from "./split.js";
import { mixedOrder, oncePerWindow, type WindowSource } from "./window-order.js";

/** Where batches go on: plain JSON, for a checkpoint. It belongs to one dataset, split, sequence length and seed. */
export interface DataPosition {
  /** Windows that were drawn of each source, by its name. */
  readonly drawn: Readonly<Record<string, number>>;
}

/** Options of a dataset's batches. */
export interface BatchOptions {
  readonly split: Split;
  /** Rows of a batch. */
  readonly batchSize: number;
  /** Consecutive tokens of a row. */
  readonly sequenceLength: number;
  /** Another seed visits the windows in another order. */
  readonly seed: number;
  /** Go on from here; default: the beginning. */
  readonly position?: DataPosition | undefined;
}

/** A dataset's batches, one after the other. */
export interface Batches {
  /**
   * [batchSize, sequenceLength] token ids, the caller's to keep, and for conversations which of them are answers. Undefined
   * after the last batch of a held-out split; a chat dataset's last one may end with rows in which nothing counts.
   */
  next(): Promise<TokenRows | undefined>;
  /** After the batches that were handed out: what is read ahead does not count. */
  readonly position: DataPosition;
  close(): Promise<void>;
}

export interface BatchSource extends WindowSource {
  readonly name: string;
  readonly reader: ShardReader;
  /** Of a chat dataset: which tokens are answers. */
  readonly counted?: ShardReader;
}

/** Rows of their own length, padded behind: causal attention never looks there, and padding is no target. */
export interface PaddedRows {
  readonly rowTokens: number;
  readonly padding: number;
}

interface Batch {
  readonly rows: TokenRows;
  /** Windows drawn of each source, this batch's included. */
  readonly drawn: readonly number[];
}

/** With `padded` the sources have rows to read as they are; without, windows of `sequenceLength` tokens. */
export function createBatches(sources: readonly BatchSource[], options: BatchOptions, padded?: PaddedRows): Batches {
  const { split, batchSize, sequenceLength, seed, position } = options;
  const order = split === "train" ? mixedOrder(sources, seed) : oncePerWindow(sources);
  let drawn: readonly number[] = position === undefined ? sources.map(() => 0) : countsOf(position, sources, split);
  let closed = false;

  /** Undefined when there is no whole batch any more. */
  async function readAfter(before: readonly number[]): Promise<Batch | undefined> {
    const after = [...before];
    const rows = emptyRows(batchSize * sequenceLength, padded);
    const length = padded?.rowTokens ?? sequenceLength;
    const reads: Promise<void>[] = [];
    let filled = 0;
    for (; filled < batchSize; filled++) {
      const next = order(after);
      if (next === undefined) break;
      after[next.source] = (after[next.source] as number) + 1;
      const { reader, counted } = sources[next.source] as BatchSource;
      const [from, to] = [filled * sequenceLength, filled * sequenceLength + length];
      reads.push(reader.read(next.window * length, rows.tokens.subarray(from, to)));
      if (rows.counted !== undefined && counted !== undefined)
        reads.push(counted.read(next.window * length, rows.counted.subarray(from, to)));
    }
    await Promise.all(reads);
    const least = padded === undefined ? batchSize : 1;
    return filled < least ? undefined : { rows, drawn: after };
  }

  /** A failure to read ahead is heard by who asks for the batch. */
  const readAhead = (before: readonly number[]): Promise<Batch | undefined> => {
    const batch = readAfter(before);
    batch.catch(() => undefined);
    return batch;
  };

  let ahead = readAhead(drawn);
  async function take(): Promise<TokenRows | undefined> {
    if (closed) throw new DynamoError("invalid-argument", "these batches have been closed");
    const batch = await ahead;
    if (batch === undefined) return undefined;
    drawn = batch.drawn;
    ahead = readAhead(drawn);
    return batch.rows;
  }

  let last: Promise<unknown> = Promise.resolve();
  return {
    next() {
      // Calls that overlap get one batch each, in order.
      const batch = last.then(take);
      last = batch.catch(() => undefined);
      return batch;
    },
    get position() {
      return { drawn: Object.fromEntries(sources.map(({ name }, i) => [name, drawn[i] as number])) };
    },
    async close() {
      closed = true;
      await last;
      await ahead.catch(() => undefined);
    },
  };
}

function emptyRows(size: number, padded: PaddedRows | undefined): TokenRows {
  const tokens = new Int32Array(size);
  return padded === undefined ? { tokens } : { tokens: tokens.fill(padded.padding), counted: new Uint8Array(size) };
}

function countsOf({ drawn }: DataPosition, sources: readonly BatchSource[], split: Split): number[] {
  const known = sources.map(({ name }) => name);
  if (Object.keys(drawn).sort().join() !== known.toSorted().join())
    throw new DynamoError(
      "invalid-argument",
      `the position is another dataset's: expected sources ${known.join(", ")}, received ${Object.keys(drawn).join(", ")}`,
    );
  return sources.map(({ name, windows }) => {
    const count = drawn[name];
    const most = split === "train" ? Number.MAX_SAFE_INTEGER : windows;
    if (!Number.isSafeInteger(count) || (count as number) < 0 || (count as number) > most)
      throw new DynamoError(
        "invalid-argument",
        `the position of ${name}: expected a whole number from 0 to ${most}, received ${describeValue(count)}`,
      );
    return count as number;
  });
}
