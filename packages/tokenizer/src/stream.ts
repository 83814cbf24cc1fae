/** Streaming decode: text as soon as it is complete, never half a character, never the whole text again. */
import type { TextStream } from "@dynamo/core";
import { tokenBytes } from "./byte-level.js";

/** What a token contributes to text. */
export type Piece =
  /** A byte-level token's own name. */
  | { readonly kind: "bytes"; readonly token: string }
  /** An added token: text as it stands. */
  | { readonly kind: "text"; readonly text: string }
  /** A special token, or an id without a token: no text. */
  | { readonly kind: "none" };

/** For byte-level tokenizers: the tokens' bytes through one UTF-8 decoder, which holds at most three bytes back. */
export function byteStream(pieceOf: (id: number) => Piece): TextStream {
  // Byte order marks are text like any other here.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    push(ids) {
      let text = "";
      for (let i = 0; i < ids.length; i++) {
        const piece = pieceOf(ids[i] as number);
        if (piece.kind === "bytes") text += decoder.decode(tokenBytes(piece.token), { stream: true });
        else if (piece.kind === "text") text += decoder.decode() + piece.text;
      }
      return text;
    },
    flush: () => decoder.decode(),
  };
}

/** A character has at most four bytes, and so stands in at most four byte tokens: more cannot be waiting for their end. */
const longestCharacter = 4;
const replacement = "\uFFFD";

/**
 * For all other tokenizers, whose decoders look at neighbours (spaces between words, at the start): the text of a window
 * of the last tokens, less the text of its older part. While the window ends in an unfinished character nothing is
 * emitted.
 */
export function windowStream(decode: (ids: readonly number[]) => string): TextStream {
  /** Tokens whose text is out already: the last ones, as context for those that follow. */
  let older: readonly number[] = [];
  let fresh: number[] = [];
  let first = true;
  const emit = (final: boolean): string => {
    if (fresh.length === 0) return "";
    const before = older.length === 0 ? "" : decode(older);
    const text = decode([...older, ...fresh]);
    if (!final && text.endsWith(replacement) && fresh.length < longestCharacter) return "";
    const added = first ? text : text.slice(before.length);
    older = fresh;
    fresh = [];
    first = false;
    return added;
  };
  return {
    push(ids) {
      let text = "";
      for (let i = 0; i < ids.length; i++) {
        fresh.push(ids[i] as number);
        text += emit(false);
      }
      return text;
    },
    flush: () => emit(true),
  };
}
