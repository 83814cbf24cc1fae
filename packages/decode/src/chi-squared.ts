/** For tests: whether two samples are of one distribution. */

/** 99.99 % of chi-squared values with so many degrees of freedom are below this (Wilson and Hilferty). */
export function chiSquaredLimit(degrees: number): number {
  const z = 3.719;
  return degrees * (1 - 2 / (9 * degrees) + z * Math.sqrt(2 / (9 * degrees))) ** 3;
}

/** Of two samples of the same size, counted by outcome. */
export function twoSampleStatistic(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
): { readonly statistic: number; readonly outcomes: number } {
  const outcomes = [...new Set([...a.keys(), ...b.keys()])];
  let statistic = 0;
  for (const outcome of outcomes) {
    const [first, second] = [a.get(outcome) ?? 0, b.get(outcome) ?? 0];
    statistic += (first - second) ** 2 / (first + second);
  }
  return { statistic, outcomes: outcomes.length };
}
