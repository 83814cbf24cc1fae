/** Windows over documents: every position is scored once, with as much of the text before it as the stride leaves. */

export interface Window {
  /** Where the window's first token stands in the file of all tokens. */
  readonly start: number;
  /** Tokens that are fed. */
  readonly length: number;
  /** The first position of the window that counts: those before it were scored by the window before. */
  readonly first: number;
  /** Tokens of the document behind the window's last one: targets of the heads that look further ahead. */
  readonly after: number;
}

export interface WindowOptions {
  /** Tokens a window holds at most. */
  readonly window: number;
  /** Tokens from one window to the next; the window's length is no overlap at all. */
  readonly stride: number;
}

/**
 * The windows of documents of so many tokens that lie one after the other. A document's last token is a target only; a
 * document of one token has no window.
 */
export function* windowsOf(lengths: Iterable<number>, { window, stride }: WindowOptions): Generator<Window> {
  let begin = 0;
  for (const tokens of lengths) {
    // Positions that predict something.
    const positions = tokens - 1;
    let scored = 0;
    for (let start = 0; scored < positions; start += stride) {
      const end = Math.min(start + window, positions);
      yield { start: begin + start, length: end - start, first: scored - start, after: tokens - end };
      scored = end;
    }
    begin += tokens;
  }
}
