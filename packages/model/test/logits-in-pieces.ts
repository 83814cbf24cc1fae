/** All heads' logits of each row, fed in pieces of the given sizes, as [row][position * heads + head] → logits. */
import type { Feed, LanguageModel } from "@dynamo/core";

export type SizeOf = (pass: number, row: number) => number;

/** Whole rows, token by token, and ragged: rows that take turns at one to three tokens and then the rest. */
export const pieceSizes: readonly SizeOf[] = [
  (): number => 1000,
  (): number => 1,
  (pass: number, row: number): number => (pass === 7 ? 1000 : 1 + ((pass + 2 * row) % 3)),
];

/** With `known`, rows and perhaps what follows them, conditional heads are told the tokens between. */
export async function logitsInPieces(
  model: LanguageModel,
  rows: readonly (readonly number[])[],
  sizeOf: SizeOf,
  known?: readonly (readonly number[])[],
): Promise<Float32Array[][]> {
  const { tokenHeads, vocabularySize } = model.info;
  const results: Float32Array[][] = rows.map(() => []);
  const done = rows.map(() => 0);
  const cache = await model.createCache({
    rows: rows.length,
    maxLength: Math.max(...rows.map(({ length }) => length)),
  });
  try {
    for (let pass = 0; done.some((count, row) => count < (rows[row]?.length ?? 0)); pass++) {
      const feeds: Feed[] = rows.map((tokens, row) => {
        const start = done[row] ?? 0;
        const part = tokens.slice(start, start + sizeOf(pass, row));
        const between = part.map((_, i) => (known?.[row] ?? []).slice(start + i + 1, start + i + tokenHeads));
        return { tokens: part, positions: part.length, ...(known === undefined ? {} : { between }) };
      });
      const { logits } = await model.forward(cache, feeds, { heads: tokenHeads, topK: 3, logits: true });
      const most = Math.max(...feeds.map(({ positions = 1 }) => positions));
      feeds.forEach(({ positions = 1 }, row) => {
        for (let i = 0; i < positions * tokenHeads; i++) {
          const from = (row * most * tokenHeads + i) * vocabularySize;
          results[row]?.push(logits?.data.slice(from, from + vocabularySize) ?? new Float32Array());
        }
        done[row] = (done[row] ?? 0) + positions;
      });
    }
    return results;
  } finally {
    await cache.dispose();
  }
}
