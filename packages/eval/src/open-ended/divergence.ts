/**
 * A MAUVE-style score of a set of texts against real ones (Pillutla et al. 2021, "MAUVE: measuring the gap between neural
 * text and human text using divergence frontiers"): texts of both sets are quantised into clusters, and the score is the area
 * under the curve of exp(-5 KL) of the two histograms against their mixtures; 1 for equal histograms, near 0 for disjoint ones.
 * Unlike MAUVE's, a text's features are no language model's hidden state but its words' and word pairs' frequencies, hashed:
 * it sees which words are used, not how sentences hang together. Its value depends on the number of texts and on their length,
 * and is not comparable with published MAUVE scores.
 */
import { createRandom } from "@dynamo/decode";
import { clusterVectors, type Vector } from "./clusters.js";
import { ngramsOf, wordsOf } from "./words.js";

const dimensions = 256;
/** MAUVE's own: how sharply the curve falls. */
const scaling = 5;
const mixtures = 25;
const mostClusters = 500;
/** Of either side: fewer make histograms of a few bars, which say nothing. */
const fewestTexts = 40;

/** Null for fewer than 40 texts on either side; a few hundred make a steadier score. */
export function divergenceScore(
  texts: readonly string[],
  real: readonly string[],
  { seed = 0 }: { readonly seed?: number | undefined } = {},
): number | null {
  const fewer = Math.min(texts.length, real.length);
  if (fewer < fewestTexts) return null;
  // MAUVE's rule: ten texts per cluster.
  const clusters = Math.min(mostClusters, Math.round(fewer / 10));
  const vectors = [...texts, ...real].map((text) => featuresOf(text));
  const assigned = clusterVectors(vectors, clusters, createRandom(seed));
  const histogram = (own: readonly number[]): number[] =>
    Array.from({ length: clusters }, (_, i) => own.filter((cluster) => cluster === i).length / own.length);
  return areaUnderCurve(histogram(assigned.slice(texts.length)), histogram(assigned.slice(0, texts.length)));
}

/** Square roots of relative frequencies: of length 1, and their distance is Hellinger's. */
function featuresOf(text: string): Vector {
  const words = wordsOf(text);
  const ngrams = [...words, ...ngramsOf(words, 2)];
  const vector = new Float64Array(dimensions);
  for (const ngram of ngrams) {
    const place = hashOf(ngram) % dimensions;
    vector[place] = (vector[place] as number) + 1 / ngrams.length;
  }
  return vector.map(Math.sqrt);
}

/** FNV-1a, with murmur3's last steps: its low bits alone are poor. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Of the points (exp(-5 KL(q|r)), exp(-5 KL(p|r))), r = λp + (1-λ)q, from (1, 0) to (0, 1): the mean of both readings. */
export function areaUnderCurve(p: readonly number[], q: readonly number[]): number {
  const inner = Array.from({ length: mixtures }, (_, i) => {
    const weight = 1e-6 + ((1 - 2e-6) * i) / (mixtures - 1);
    const r = p.map((own, j) => weight * own + (1 - weight) * (q[j] ?? 0));
    return [Math.exp(-scaling * relativeEntropy(q, r)), Math.exp(-scaling * relativeEntropy(p, r))] as const;
  });
  const curve = [[1, 0] as const, ...inner, [0, 1] as const];
  const flipped = curve.map(([x, y]) => [y, x] as const);
  return (trapezoids(curve) + trapezoids(flipped)) / 2;
}

const relativeEntropy = (p: readonly number[], r: readonly number[]): number =>
  p.reduce((sum, own, i) => (own === 0 ? sum : sum + own * Math.log(own / (r[i] ?? 0))), 0);

function trapezoids(points: readonly (readonly [number, number])[]): number {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  return sorted.slice(1).reduce((area, [x, y], i) => {
    const [x0, y0] = sorted[i] ?? [x, y];
    return area + ((x - x0) * (y + y0)) / 2;
  }, 0);
}
