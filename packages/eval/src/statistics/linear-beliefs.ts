/** Bayesian linear regression with known errors: what many doubtful observations say together of a place that was not observed. */

/** A value and its standard error. */
export interface Belief {
  readonly value: number;
  readonly error: number;
}

/** y at x, whose first part is 1. */
export interface Observation {
  readonly x: readonly number[];
  readonly y: number;
  readonly error: number;
}

/** Of the first coefficient, which is the level, before anything is known. */
const levelError = 1;

/** The others are 0 give or take `priorError`, before anything is known. Of no observations: the level alone, give or take 1. */
export function linearBeliefs(
  observations: readonly Observation[],
  priorError: number,
): (x: readonly number[]) => Belief {
  const parts = observations[0]?.x.length ?? 1;
  const precision = square(parts, (row, column) => {
    const prior = row === column ? 1 / (row === 0 ? levelError : priorError) ** 2 : 0;
    return observations.reduce((sum, { x, error }) => sum + ((x[row] ?? 0) * (x[column] ?? 0)) / error ** 2, prior);
  });
  const covariance = inverse(precision);
  const weighted = Array.from({ length: parts }, (_, row) =>
    observations.reduce((sum, { x, y, error }) => sum + ((x[row] ?? 0) * y) / error ** 2, 0),
  );
  const coefficients = covariance.map((row) => dot(row, weighted));
  return (x) => {
    const own = x.slice(0, parts);
    const variance = dot(
      own,
      covariance.map((row) => dot(row, own)),
    );
    return { value: dot(coefficients, own), error: Math.sqrt(Math.max(0, variance)) };
  };
}

const square = (size: number, of: (row: number, column: number) => number): number[][] =>
  Array.from({ length: size }, (_, row) => Array.from({ length: size }, (_, column) => of(row, column)));

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

/** Of a symmetric positive definite matrix, by Gauss and Jordan: no pivot of such a matrix is 0. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: size }, (_, j) => (i === j ? 1 : 0))]);
  for (const [i, pivot] of rows.entries()) {
    const scale = pivot[i] ?? 1;
    for (let column = 0; column < pivot.length; column++) pivot[column] = (pivot[column] ?? 0) / scale;
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = row[i] ?? 0;
      for (let column = 0; column < row.length; column++)
        row[column] = (row[column] ?? 0) - factor * (pivot[column] ?? 0);
    }
  }
  return rows.map((row) => row.slice(size));
}
