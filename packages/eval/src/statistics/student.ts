/** Quantiles of Student's t, for confidence intervals of small samples. */

/**
 * The two-sided critical value: |t| of `freedom` degrees stays below it with probability `level` (for 0.95 and many degrees,
 * 1.96). Infinity for no degree of freedom.
 */
export function criticalT(freedom: number, level = 0.95): number {
  if (freedom < 1) return Infinity;
  // A band asks for the same one at each of its points.
  const key = `${freedom} ${level}`;
  const value = known.get(key) ?? search(freedom, level);
  known.set(key, value);
  return value;
}

const known = new Map<string, number>();

function search(freedom: number, level: number): number {
  let [low, high] = [0, 1];
  while (centralProbability(high, freedom) < level) high *= 2;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (centralProbability(middle, freedom) < level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(|T| < t) = 1 - I_x(freedom/2, 1/2) with x = freedom / (freedom + t²). */
const centralProbability = (t: number, freedom: number): number =>
  1 - incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);

/** P(T < t) of `freedom` degrees; a step at 0 for none. */
export function cumulativeT(t: number, freedom: number): number {
  if (freedom < 1) return t >= 0 ? 1 : 0;
  const central = centralProbability(Math.abs(t), freedom);
  return t >= 0 ? (1 + central) / 2 : (1 - central) / 2;
}

/** The regularised incomplete beta function I_x(a, b) by its continued fraction (modified Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges quickly on this side of the mean only.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const safe = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let [c, d] = [1, 1 / safe(1 - ((a + b) * x) / (a + 1))];
  let fraction = d;
  for (let m = 1; m < 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / safe(1 + term * d);
      c = safe(1 + term / c);
      change = c * d;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-14) break;
  }
  return front * fraction;
}

/** Lanczos' approximation with g = 7, to about 1e-15. */
const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function logGamma(z: number): number {
  if (z < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * z)) - logGamma(1 - z);
  const t = z + 6.5;
  const series = lanczos.reduce((sum, each, i) => sum + each / (z + i), 0.99999999999980993);
  return 0.5 * Math.log(2 * Math.PI) + (z - 0.5) * Math.log(t) - t + Math.log(series);
}
