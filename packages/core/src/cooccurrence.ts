/** The co-occurrence mask as decoding sees it (paper, section 3.2, Eq. 6). */

export interface Cooccurrence {
  /** The highest n-gram order counted. */
  readonly order: number;
  readonly vocabularySize: number;
  /**
   * w = [C_n(x)/T_n] / Π [C_1(x_i)/T_1] of one n-gram, n = ngram.length from 1 to `order`; 0 for an unseen one and
   * 1 for n = 1.
   */
  weight(ngram: ArrayLike<number>): number;
  /**
   * Writes the lift P(x | history) / P(x) of each id, or of all tokens in order, into `into`, by smoothed counts: above 0 for all tokens, seen or not. Histories
   * of more than `order` - 1 tokens count by their last ones.
   */
  lifts(history: ArrayLike<number>, ids: ArrayLike<number> | undefined, into: Float64Array): void;
  /**
   * Finds every seen n-gram (n = candidates.length ≥ 2) whose i-th token is in candidates[i], and writes its cell and
   * weight into `matches`. A cell is the row-major index of the tokens' ranks in the grid of the lists' lengths.
   * Cells come out in ascending order.
   */
  match(candidates: readonly Int32Array[], matches: NgramMatches): void;
}

/** Reusable output of `match`: only the first `length` entries count. `match` grows the arrays when they are short. */
export interface NgramMatches {
  cells: Int32Array;
  weights: Float64Array;
  length: number;
}
