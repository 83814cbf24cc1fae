/**
 * exp and log out of IEEE additions, multiplications and divisions alone. Math.exp may differ in its last bit from one
 * engine to the next; these do not, so the sampler gives the same tokens for the same logits everywhere.
 */

const ln2High = 6.9314718036912381649e-1;
const ln2Low = 1.90821492927058770002e-10;
const view = new DataView(new ArrayBuffer(8));

/** 2^k for -1022 <= k <= 1023. */
function powerOfTwo(k: number): number {
  view.setUint32(0, (k + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** Within 2 units in the last place of e^x; 0 below -708, Infinity above 709. */
export function exp(x: number): number {
  if (!(x > -708)) return Number.isNaN(x) ? x : 0;
  if (x > 709) return Infinity;
  const k = Math.round(x / Math.LN2);
  const r = x - k * ln2High - k * ln2Low;
  // Taylor's series: |r| <= ln(2)/2, so the first term left out is below 2^-55.
  let sum = 1;
  for (let i = 14; i >= 1; i--) sum = 1 + (r / i) * sum;
  return sum * powerOfTwo(k);
}

/** Within 2 units in the last place of ln(x) for normal x > 0; -Infinity for 0. */
export function log(x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0) || x === Infinity) return x > 0 ? x : NaN;
  view.setFloat64(0, x);
  let k = ((view.getUint32(0) >>> 20) & 0x7ff) - 1023;
  if (k === -1023) return log(x * 2 ** 54) - 54 * Math.LN2;
  let m = x / powerOfTwo(k);
  if (m > Math.SQRT2) {
    m /= 2;
    k++;
  }
  // ln m = 2 artanh((m - 1) / (m + 1)).
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let sum = 0;
  for (let i = 23; i >= 3; i -= 2) sum = (sum + 1 / i) * square;
  return k * ln2High + (2 * s * (1 + sum) + k * ln2Low);
}

/** x^y for x >= 0; whole powers by multiplication. */
export function power(x: number, y: number): number {
  if (y === 1) return x;
  if (Number.isInteger(y) && y >= 0 && y <= 8) {
    let product = 1;
    for (let i = 0; i < y; i++) product *= x;
    return product;
  }
  return x === 0 ? 0 : exp(y * log(x));
}
