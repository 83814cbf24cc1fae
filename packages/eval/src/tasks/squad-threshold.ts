/** SQuAD 2.0's best scores: of the threshold on the probability of "unanswerable" above which an answer is taken back. */
export interface Sure {
  /** How sure the model is that there is no answer. */
  readonly noAnswer: number;
  readonly exact: number;
  readonly f1: number;
  readonly hasAnswer: boolean;
  /** Nothing was written. */
  readonly isEmpty: boolean;
}

/** As the published script's `find_best_thresh`; here shares, there per cent. */
export function squadThreshold(documents: readonly Sure[]): { readonly best_exact: number; readonly best_f1: number } {
  const sorted = [...documents].sort((a, b) => a.noAnswer - b.noAnswer);
  const bestOf = (scoreOf: (document: Sure) => number): number => {
    // All answers taken back: right where there is none.
    let score = documents.filter(({ hasAnswer }) => !hasAnswer).length;
    let best = score;
    for (const document of sorted) {
      score += document.hasAnswer ? scoreOf(document) : document.isEmpty ? 0 : -1;
      best = Math.max(best, score);
    }
    return best / documents.length;
  };
  return { best_exact: bestOf(({ exact }) => exact), best_f1: bestOf(({ f1 }) => f1) };
}
