/** k-means over texts' features, the same clusters from the same seed. */
import type { Random } from "@dynamo/decode";

export type Vector = Float64Array;

/** Lloyd's rounds at most; texts' features settle in about ten. */
const mostRounds = 50;
/** Beginnings that are tried; the closest clustering is kept. */
const beginnings = 3;

/** The cluster of each vector, 0 to k-1; a cluster may end empty. */
export function clusterVectors(vectors: readonly Vector[], k: number, random: Random): number[] {
  let best: { readonly assigned: number[]; readonly cost: number } | undefined;
  for (let i = 0; i < beginnings; i++) {
    const found = lloyd(vectors, beginCentres(vectors, k, random));
    if (best === undefined || found.cost < best.cost) best = found;
  }
  return best?.assigned ?? [];
}

function squaredDistance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}

/** k-means++ (Arthur and Vassilvitskii 2007): each further centre with a probability in proportion to its squared distance. */
function beginCentres(vectors: readonly Vector[], k: number, random: Random): Vector[] {
  const centres: Vector[] = [vectors[Math.floor(random() * vectors.length)] as Vector];
  const nearest = vectors.map((vector) => squaredDistance(vector, centres[0] as Vector));
  while (centres.length < k) {
    let left = random() * nearest.reduce((sum, distance) => sum + distance, 0);
    let chosen = nearest.findIndex((distance) => (left -= distance) < 0);
    if (chosen === -1) chosen = Math.floor(random() * vectors.length);
    const centre = vectors[chosen] as Vector;
    centres.push(centre);
    for (const [i, vector] of vectors.entries())
      nearest[i] = Math.min(nearest[i] as number, squaredDistance(vector, centre));
  }
  return centres;
}

function lloyd(vectors: readonly Vector[], begun: readonly Vector[]): { assigned: number[]; cost: number } {
  const centres = begun.map((centre) => Float64Array.from(centre));
  const assigned = new Array<number>(vectors.length).fill(-1);
  for (let round = 0; ; round++) {
    let [moved, cost] = [false, 0];
    for (const [i, vector] of vectors.entries()) {
      const { index, distance } = nearestOf(centres, vector);
      moved ||= assigned[i] !== index;
      assigned[i] = index;
      cost += distance;
    }
    if (!moved || round >= mostRounds) return { assigned, cost };
    moveCentres(centres, vectors, assigned);
  }
}

function nearestOf(centres: readonly Vector[], vector: Vector): { index: number; distance: number } {
  let [index, distance] = [0, Infinity];
  for (const [i, centre] of centres.entries()) {
    const own = squaredDistance(vector, centre);
    if (own < distance) [index, distance] = [i, own];
  }
  return { index, distance };
}

/** A centre of no vector stays where it is. */
function moveCentres(centres: readonly Vector[], vectors: readonly Vector[], assigned: readonly number[]): void {
  const counts = new Array<number>(centres.length).fill(0);
  for (const index of assigned) counts[index] = (counts[index] ?? 0) + 1;
  for (const [i, centre] of centres.entries()) if ((counts[i] ?? 0) > 0) centre.fill(0);
  for (const [i, vector] of vectors.entries()) {
    const index = assigned[i] as number;
    const centre = centres[index] as Vector;
    for (let d = 0; d < vector.length; d++)
      centre[d] = (centre[d] as number) + (vector[d] as number) / (counts[index] as number);
  }
}
