/** Which source the next window comes from: no chance in it, so that what was drawn so far says what comes next. */

/** The source that lags most behind its share of the windows once one more is drawn; the first of equals. */
export function nextSource(shares: readonly number[], drawn: readonly number[]): number {
  let total = 1;
  for (const count of drawn) total += count;
  let best = 0;
  let largest = -Infinity;
  for (const [i, share] of shares.entries()) {
    const lag = share * total - (drawn[i] as number);
    // A source without a share never gets a turn, not even while all others are ahead of theirs.
    if (share > 0 && lag > largest) [best, largest] = [i, lag];
  }
  return best;
}

/** Weights as shares of 1. */
export function sharesOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
