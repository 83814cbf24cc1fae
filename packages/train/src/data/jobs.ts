/** Documents in groups that are worth sending to another thread, each piece with what will be written for it. */
import { documents } from "./documents.js";
import { splitOf, type Split } from "./split.js";

export interface JobPiece {
  readonly split: Split;
  /** A document begins here: end-of-text goes before it. */
  readonly first: boolean;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
}

export interface Job {
  readonly texts: readonly string[];
  readonly pieces: readonly JobPiece[];
  /** Bytes of all the source's files that have been read when the job is done. */
  readonly bytesRead: number;
}

/** About a tenth of a second of work: an abort is heard soon, and messages cost nothing beside it. */
const jobCharacters = 2 ** 17;

export async function* jobsOf(files: readonly string[], heldOutFraction: number): AsyncGenerator<Job> {
  let texts: string[] = [];
  let pieces: JobPiece[] = [];
  let characters = 0;
  let read = 0;
  let split: Split = "train";
  for await (const { text, first, bytesRead } of documents(files)) {
    if (first) split = splitOf(text, heldOutFraction);
    texts.push(text);
    pieces.push({ split, first, bytes: Buffer.byteLength(text, "utf8") });
    characters += text.length;
    read = bytesRead;
    if (characters < jobCharacters) continue;
    yield { texts, pieces, bytesRead };
    [texts, pieces, characters] = [[], [], 0];
  }
  if (texts.length > 0) yield { texts, pieces, bytesRead: read };
}
