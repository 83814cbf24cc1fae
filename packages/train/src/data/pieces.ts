/** Long documents in pieces. Where they are cut depends on the document alone, never on how it was read. */

export interface Piece {
  readonly text: string;
  /** The document begins with this piece. */
  readonly first: boolean;
  /** The document ends with this piece; it may be empty when it is not also the first. */
  readonly last: boolean;
}

/** A longer document is cut at a line's end: tokens may differ at the cut, one in some hundred thousand. */
export const pieceCharacters = 2 ** 20;

export interface PieceCutter {
  /** Pieces of a document that goes on after `text`, whose last `uncertain` characters may not belong to it, and the rest. */
  cut(text: string, uncertain: number): { readonly pieces: readonly Piece[]; readonly rest: string };
  /** Pieces of a document that ends with `text`; none for a blank one. The next document begins after it. */
  end(text: string): readonly Piece[];
}

/** Call `cut` with the rest and what was read since, and at last `end`. */
export function createPieceCutter(): PieceCutter {
  let first = true;
  function cut(text: string, uncertain: number): { pieces: Piece[]; rest: string } {
    const pieces: Piece[] = [];
    let rest = first ? text.trimStart() : text;
    while (rest.length - uncertain > pieceCharacters) {
      const at = placeToCut(rest);
      pieces.push({ text: rest.slice(0, at), first, last: false });
      rest = rest.slice(at);
      first = false;
    }
    return { pieces, rest };
  }
  return {
    cut,
    end(text) {
      const { pieces, rest } = cut(text, 0);
      const last = rest.trimEnd();
      if (last !== "" || !first) pieces.push({ text: last, first, last: true });
      first = true;
      return pieces;
    },
  };
}

/** After the last line that fits; else before a space, which begins a word's token; else between any two characters. */
function placeToCut(text: string): number {
  const line = text.lastIndexOf("\n", pieceCharacters - 1) + 1;
  if (line > 0) return line;
  const space = text.lastIndexOf(" ", pieceCharacters - 1);
  if (space > 0) return space;
  const isHighSurrogate = (text.charCodeAt(pieceCharacters - 1) & 0xfc00) === 0xd800;
  return isHighSurrogate ? pieceCharacters - 1 : pieceCharacters;
}
