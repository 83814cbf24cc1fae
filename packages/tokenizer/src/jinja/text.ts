/** Strings as Python counts them: in code points. */
import { fail } from "./errors.js";

const surrogate = /[\ud800-\udfff]/;

/** Characters in code points. */
export const points = (text: string): readonly string[] => (surrogate.test(text) ? Array.from(text) : text.split(""));

export const lengthOf = (text: string): number => (surrogate.test(text) ? Array.from(text).length : text.length);

/** Characters `start` to `stop`, both within the text, in code points. */
export const substring = (text: string, start: number, stop: number): string =>
  surrogate.test(text) ? Array.from(text).slice(start, stop).join("") : text.slice(start, stop);

/** -1, 0 or 1, by code points. */
export function compareText(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue;
    // Where a surrogate pair differs in its second half the first is the same: both orders agree.
    const inPair = i > 0 && surrogate.test(a[i - 1] ?? "") && surrogate.test(a[i] ?? "");
    const [x = 0, y = 0] = inPair ? [a.charCodeAt(i), b.charCodeAt(i)] : [a.codePointAt(i), b.codePointAt(i)];
    return x < y ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

export interface Bounds {
  readonly start: bigint | null;
  readonly stop: bigint | null;
  readonly step: bigint | null;
}

/** Indices of a slice of `length` elements, in order. */
export function sliceIndices({ start, stop, step }: Bounds, length: number): number[] {
  const stride = Number(step ?? 1n);
  if (stride === 0) fail("slice step cannot be zero");
  const [low, high] = stride > 0 ? [0, length] : [-1, length - 1];
  const clamp = (value: bigint | null, otherwise: number): number => {
    if (value === null) return otherwise;
    const index = Number(value);
    return Math.min(high, Math.max(low, index < 0 ? index + length : index));
  };
  const from = clamp(start, stride > 0 ? low : high);
  const to = clamp(stop, stride > 0 ? high : low);
  const indices: number[] = [];
  for (let i = from; stride > 0 ? i < to : i > to; i += stride) indices.push(i);
  return indices;
}
