/** `dynamo logits`: every head's logits at every position, for comparison with other implementations. */
import { open } from "node:fs/promises";
import { DynamoError, type KvCache, type LanguageModel } from "@dynamo/core";
import { encodeSafetensorsHeader } from "@dynamo/core/safetensors";
import { localFolder } from "../hub-place.js";
import { openModel } from "../open-model.js";
import { readJsonFile } from "../read-json.js";
import type { LogitsOptions } from "../schemas/models.js";

export async function logits(folder: string, options: LogitsOptions, signal: AbortSignal): Promise<void> {
  const rows = await readTokens(options.tokens);
  const sizes = chunkSizes(options.chunk);
  const { medusa } = options;
  const heads = medusa === undefined ? undefined : await localFolder(medusa, { as: "medusa" }, signal);
  const { model, close } = await openModel(folder, options, signal, { medusa: heads, mtp: "if-there" });
  try {
    const heads = await compute(model, rows, sizes, signal);
    const shape = [rows.length, rows[0]?.length ?? 0, model.info.vocabularySize];
    const handle = await open(options.out, "w").catch((cause: unknown) => {
      throw new DynamoError("invalid-argument", `cannot write ${options.out}`, { cause });
    });
    try {
      await handle.writeFile(
        encodeSafetensorsHeader(heads.map((_, i) => ({ name: `head_${i + 1}`, dtype: "float32", shape }))),
      );
      for (const head of heads) await handle.writeFile(new Uint8Array(head.buffer));
    } finally {
      await handle.close();
    }
    const names = heads.map((_, i) => `head_${i + 1}`);
    console.log(
      options.json
        ? JSON.stringify({ out: options.out, heads: names, shape })
        : `${options.out}: ${names.join(", ")} [${shape.join(", ")}]`,
    );
  } finally {
    await close();
  }
}

async function readTokens(file: string): Promise<number[][]> {
  const rows: unknown = ((await readJsonFile(file)) as { tokens?: unknown } | null)?.tokens;
  const isRow = (row: unknown): row is number[] =>
    Array.isArray(row) && row.length > 0 && row.every((token) => Number.isInteger(token));
  if (!Array.isArray(rows) || rows.length === 0 || !rows.every(isRow)) {
    throw new DynamoError("invalid-file", `${file}: expected {"tokens": [[ids], …]}`);
  }
  const lengths = new Set(rows.map(({ length }) => length));
  if (lengths.size > 1)
    throw new DynamoError(
      "invalid-file",
      `${file}: all rows must have one length, received ${[...lengths].join(", ")}`,
    );
  return rows;
}

/** How many tokens row `row` feeds in pass `pass`. */
type ChunkSizes = (pass: number, row: number) => number;

function chunkSizes(chunk: string): ChunkSizes {
  if (chunk === "all") return () => Infinity;
  if (chunk === "one") return () => 1;
  if (chunk === "ragged") return (pass, row) => 1 + ((3 * pass + 2 * row) % 5);
  const size = Number(chunk);
  if (!Number.isInteger(size) || size < 1) {
    throw new DynamoError(
      "invalid-argument",
      `chunk must be all, one, ragged or a whole number of at least 1, received ${chunk}`,
    );
  }
  return () => size;
}

/** [head] → [rows, T, vocabulary]. Conditional heads know the rows' own tokens between, so far as the rows go.  Rows that have fed all their tokens leave the batch. */
async function compute(
  model: LanguageModel,
  rows: readonly number[][],
  sizes: ChunkSizes,
  signal: AbortSignal,
): Promise<Float32Array<ArrayBuffer>[]> {
  const { tokenHeads, vocabularySize, conditionalHeads } = model.info;
  const length = rows[0]?.length ?? 0;
  const heads = Array.from({ length: tokenHeads }, () => new Float32Array(rows.length * length * vocabularySize));
  const cache = await model.createCache({ rows: rows.length, maxLength: Math.max(1, length) });
  const active = rows.map((tokens, row) => ({ tokens, row, done: 0 }));
  try {
    for (let pass = 0; active.length > 0; pass++) {
      const feeds = active.map(({ tokens, row, done }) => {
        const part = tokens.slice(done, done + sizes(pass, row));
        const known = part.map((_, i) => tokens.slice(done + i + 1, done + i + tokenHeads));
        return { tokens: part, positions: part.length, ...(conditionalHeads === true ? { between: known } : {}) };
      });
      const { logits: all } = await model.forward(cache, feeds, { heads: tokenHeads, topK: 1, logits: true, signal });
      const data = all?.data ?? new Float32Array(0);
      const most = Math.max(...feeds.map(({ positions }) => positions));
      for (const [i, feed] of feeds.entries()) {
        const target = active[i] as (typeof active)[number];
        for (let position = 0; position < feed.positions; position++) {
          for (const [head, values] of heads.entries()) {
            const from = ((i * most + position) * tokenHeads + head) * vocabularySize;
            values.set(
              data.subarray(from, from + vocabularySize),
              (target.row * length + target.done + position) * vocabularySize,
            );
          }
        }
        target.done += feed.positions;
      }
      await leave(cache, active);
    }
    return heads;
  } finally {
    await cache.dispose();
  }
}

async function leave(
  cache: KvCache,
  active: { readonly tokens: readonly number[]; readonly row: number; readonly done: number }[],
): Promise<void> {
  for (let i = active.length - 1; i >= 0; i--) {
    const each = active[i] as (typeof active)[number];
    if (each.done < each.tokens.length) continue;
    const last = active.length - 1;
    if (i !== last) {
      await cache.copyRow(last, i);
      active[i] = active[last] as (typeof active)[number];
    }
    active.pop();
  }
}
