/** The decoding step straight from its description, over the dense grid in float64: the tests' oracle. */
import type { Cooccurrence } from "@dynamo/core";
import type { StepOptions } from "../dynamo-step.js";

export interface DenseResult {
  readonly order: number;
  /** "a,b,c" → probability, zeros left out. */
  readonly distribution: Map<string, number>;
  /** Two values so near to a threshold that rounding may decide either way. */
  readonly doubtful: boolean;
}

interface Head {
  readonly ids: readonly number[];
  readonly p: readonly number[];
}

function headOf(logits: readonly number[], topK: number, temperature: number): Head {
  const ids = logits
    .map((_, id) => id)
    .sort((a, b) => Math.fround(logits[b] as number) - Math.fround(logits[a] as number) || a - b)
    .slice(0, topK);
  const t = temperature === 0 ? 1 : temperature;
  const e = ids.map((id) =>
    Math.exp((Math.fround(logits[id] as number) - Math.fround(logits[ids[0] as number] as number)) / t),
  );
  const total = e.reduce((a, b) => a + b, 0);
  return { ids, p: e.map((x) => x / total) };
}

function ranksOf(cell: number, shape: readonly number[]): number[] {
  const ranks: number[] = [];
  let rest = cell;
  for (const size of [...shape].reverse()) {
    ranks.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return ranks;
}

function blurAll(values: readonly number[], shape: readonly number[]): number[] {
  let grid = [...values];
  for (const [axis, size] of shape.entries()) {
    if (size === 1) continue;
    const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const mirror = (rank: number): number => (rank < 0 ? -rank : rank >= size ? 2 * size - 2 - rank : rank);
    grid = grid.map((_, cell) => {
      const rank = Math.floor(cell / stride) % size;
      const at = (other: number): number => grid[cell + (mirror(other) - rank) * stride] as number;
      return at(rank - 1) / 4 + at(rank) / 2 + at(rank + 1) / 4;
    });
  }
  return grid;
}

function otsu(values: readonly number[]): { threshold: number; doubtful: boolean } | undefined {
  const [least, most] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  if (most === least) return undefined;
  const width = (most - least) / 256;
  // How far rounding of values so large moves them, in bins: much, where they lie close together.
  const rounding = (4e-15 * most) / width;
  const counts = new Array<number>(256).fill(0);
  let doubtful = most - least < 1e-12;
  for (const value of values) {
    const place = (value - least) / width;
    if (Math.abs(place - Math.round(place)) < 1e-7 + rounding && value !== least && value !== most) doubtful = true;
    const bin = Math.min(255, Math.floor(place));
    counts[bin] = (counts[bin] as number) + 1;
  }
  const centre = (bin: number): number => least + (bin + 0.5) * width;
  const variances = counts.slice(0, 255).map((_, split) => {
    let [w1, w2, s1, s2] = [0, 0, 0, 0];
    counts.forEach((count, bin) => {
      if (bin <= split) [w1, s1] = [w1 + count, s1 + count * centre(bin)];
      else [w2, s2] = [w2 + count, s2 + count * centre(bin)];
    });
    return w1 === 0 || w2 === 0 ? 0 : w1 * w2 * (s1 / w1 - s2 / w2) ** 2;
  });
  const best = variances.reduce((a, b) => Math.max(a, b));
  const near = variances
    .map((variance, bin) => ({ variance, bin }))
    .filter(({ variance }) => variance >= best * (1 - 1e-9 - rounding));
  const first = (near[0] as { bin: number }).bin;
  // Splits between the same two filled bins are one; others as good make the choice a matter of rounding.
  if (near.some(({ bin }) => counts.slice(first + 1, bin + 1).some((count) => count > 0))) doubtful = true;
  return { threshold: centre(first), doubtful };
}

/** The product of each head's p · lift^(0.7 / T), normalised behind the tokens before. */
function chain(
  heads: readonly Head[],
  tuples: readonly (readonly number[])[],
  shape: readonly number[],
  mask: Cooccurrence,
  temperature: number,
): number[] {
  const exponent = 0.7 / (temperature === 0 ? 1 : temperature);
  const known = new Map<string, readonly number[]>();
  const behind = (before: readonly number[]): readonly number[] => {
    const { ids, p } = heads[before.length] as Head;
    if (before.length === 0) return p;
    const found = known.get(before.join());
    if (found !== undefined) return found;
    const lifts = new Float64Array(ids.length);
    mask.lifts(before, ids, lifts);
    const weights = p.map((each, i) => each * (lifts[i] as number) ** exponent);
    const total = weights.reduce((a, b) => a + b, 0);
    const q = weights.map((each) => each / total);
    known.set(before.join(), q);
    return q;
  };
  return tuples.map((tuple, cell) =>
    ranksOf(cell, shape).reduce((value, rank, axis) => value * (behind(tuple.slice(0, axis))[rank] as number), 1),
  );
}

/** Steps 1 to 7. `options.topK` candidates per head. */
export function denseStep(
  logits: readonly (readonly number[])[],
  context: readonly number[],
  mask: Cooccurrence | undefined,
  options: StepOptions & { readonly topK: number },
): DenseResult {
  const heads = logits.map((each) => headOf(each, options.topK, options.temperature));
  let doubtful = false;
  for (let n = heads.length; n >= 1; n--) {
    const used = heads.slice(0, n);
    const shape = used.map(({ ids }) => ids.length);
    const cells = shape.reduce((a, b) => a * b, 1);
    const tuples = Array.from({ length: cells }, (_, cell) =>
      ranksOf(cell, shape).map((rank, i) => (used[i] as Head).ids[rank] as number),
    );
    const product = tuples.map((_, cell) =>
      ranksOf(cell, shape).reduce((p, rank, i) => p * ((used[i] as Head).p[rank] as number), 1),
    );
    const learned = options.joint === "learned" && mask !== undefined;
    const base = learned ? chain(used, tuples, shape, mask, options.temperature) : product;
    let joint = base;
    const epsilon = options.backoff ** (n - 1);
    if (n > 1) {
      if (mask !== undefined && options.maskStrength > 0) {
        joint = base.map((p, cell) => {
          const weight = n > mask.order ? 0 : mask.weight(tuples[cell] as number[]);
          return weight === 0 ? 0 : p * weight ** options.maskStrength;
        });
      }
      const mass = joint.reduce((a, b) => a + b, 0);
      if (mass === 0 && options.backoff > 0) continue;
      joint = mass === 0 ? product : joint.map((value) => value / mass);
      if (joint.some((value) => value !== 0 && Math.abs(value / epsilon - 1) < 1e-9)) doubtful = true;
      joint = joint.map((value) => (value < epsilon ? 0 : value));
      if (options.adaptive) {
        const blurred = options.blur ? blurAll(joint, shape) : joint;
        const found = otsu(blurred);
        if (found !== undefined) {
          doubtful ||= found.doubtful || blurred.some((value) => Math.abs(value - found.threshold) < 1e-12);
          const left = joint.map((value, cell) => ((blurred[cell] as number) <= found.threshold ? 0 : value));
          if (options.backoff > 0 || left.some((value) => value > 0)) joint = left;
        }
      }
    }
    joint = joint.map((value, cell) => {
      const tuple = tuples[cell] as number[];
      const repeats = tuple.filter((token, i) => context.includes(token) || tuple.indexOf(token) < i).length;
      return value / options.repetitionPenalty ** repeats;
    });
    const most = joint.reduce((a, b) => Math.max(a, b));
    if (n > 1 && Math.abs(most - epsilon) < 1e-9 * epsilon) doubtful = true;
    if (n > 1 && !(most > epsilon)) continue;
    const total = joint.reduce((a, b) => a + b, 0);
    const entries = joint.map((value, cell) => [(tuples[cell] as number[]).join(), value / total] as const);
    return { order: n, doubtful, distribution: new Map(entries.filter(([, p]) => p > 0)) };
  }
  throw new Error("a step always ends at order 1");
}
