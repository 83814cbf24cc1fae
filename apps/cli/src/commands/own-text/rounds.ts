/** A model's own texts through a queue: pieces that are needed are asked for, and put into the file in their order. */
import type { Compute, PendingJob, PutResult } from "@dynamo/eval";
import type { Piece, WrittenText } from "./own-text.js";
import type { TextFile } from "./text-file.js";

export interface Rounds {
  /** Tokens that the file shall have. */
  readonly wanted: number;
  readonly textsPerPiece: number;
  /** The most that a text may have. */
  readonly maxNewTokens: number;
  /** Tokens that are written, those too whose turn in the file has not come. */
  readonly onProgress: (tokens: number) => void;
}

/**
 * How many texts there are in so many tokens shows only when they are written. The first round has those without which there
 * cannot be enough, and the next ones as many as the mean length of what is there says, but at most twice as many in all.
 */
export async function writeInRounds(file: TextFile, compute: Compute<Piece>, rounds: Rounds): Promise<void> {
  while (file.tokens < rounds.wanted) await compute(nextRound(file, rounds), inTheirOrder(file, rounds));
}

/** The file may end within a piece: it is asked for again, and is there already where it was kept. */
export function nextRound(
  { texts, tokens }: Pick<TextFile, "texts" | "tokens">,
  { wanted, textsPerPiece: count, maxNewTokens }: Omit<Rounds, "onProgress">,
): PendingJob<Piece>[] {
  const missing = wanted - tokens;
  const fewest = Math.ceil(missing / maxNewTokens);
  const likely = tokens === 0 ? fewest : Math.ceil((missing * texts) / tokens);
  const end = texts + Math.min(likely, Math.max(fewest, texts));
  const from = Math.floor(texts / count);
  return Array.from({ length: Math.ceil(end / count) - from }, (_, i) => ({
    index: from + i,
    job: { first: (from + i) * count, count },
  }));
}

function inTheirOrder(file: TextFile, { wanted, textsPerPiece, onProgress }: Rounds): PutResult {
  const early = new Map<number, readonly WrittenText[]>();
  let written = file.tokens;
  let next = Math.floor(file.texts / textsPerPiece);
  return async (index, result) => {
    const piece = JSON.parse(result) as readonly WrittenText[];
    early.set(index, piece);
    written += piece.reduce((sum, { tokens }) => sum + tokens, 0);
    for (let turn = early.get(next); turn !== undefined; turn = early.get(++next)) {
      for (const text of turn.slice(file.texts - next * textsPerPiece))
        if (file.tokens < wanted) await file.append(text);
      early.delete(next);
    }
    onProgress(written);
  };
}
