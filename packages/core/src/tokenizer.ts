/** Text to token ids and back. */

export interface Tokenizer {
  /** Ids run from 0 to `vocabularySize` - 1, added tokens included. */
  readonly vocabularySize: number;
  /** Special tokens that stand in the text are recognised; none is added. */
  encode(text: string): Int32Array;
  /** A lower bound of the tokens of a text, without encoding it: one that is far too long is refused at once. */
  leastTokens?(text: string): number;
  /** Special tokens are left out of the text. */
  decode(ids: ArrayLike<number>): string;
  /**
   * Decodes what follows `prompt` (none: a text from its beginning) piece by piece. All pieces together are what
   * `decode` gives for the prompt and the ids, less what it gives for the prompt. A character that the prompt ends in
   * the middle of comes whole, with the first piece.
   */
  stream(prompt?: ArrayLike<number>): TextStream;
}

/** Streaming decode: never half a UTF-8 character, never the whole text decoded again. */
export interface TextStream {
  /** The text that these ids complete; possibly empty. */
  push(ids: ArrayLike<number>): string;
  /** What is left at the end: the replacement character for bytes that never became one. */
  flush(): string;
}
