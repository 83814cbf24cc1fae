/** Otsu's threshold of all the values of a grid, zeros included (part of step 5 of the decoding step; paper, section 3.2). */

const bins = 256;
const counts = new Float64Array(bins);

/**
 * The centre of the bin after which splitting maximises the between-class variance w1·w2·(m1 - m2)² of bin counts and
 * bin-centre means; 256 equal bins from the least to the largest value, the last one closed; the first such bin on ties.
 * `zeros` more values are 0. Undefined when all values are equal.
 */
export function otsuThreshold(values: Float64Array, length: number, zeros: number): number | undefined {
  let least = zeros > 0 ? 0 : Infinity;
  let most = zeros > 0 ? 0 : -Infinity;
  for (let i = 0; i < length; i++) {
    const value = values[i] as number;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (!(most > least)) return undefined;
  const width = (most - least) / bins;
  counts.fill(0);
  counts[0] = zeros;
  for (let i = 0; i < length; i++) {
    const bin = Math.min(bins - 1, Math.floor(((values[i] as number) - least) / width));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return least + (bestSplit(length + zeros, least, width) + 0.5) * width;
}

function bestSplit(total: number, least: number, width: number): number {
  let sumAll = 0;
  for (let bin = 0; bin < bins; bin++) sumAll += (counts[bin] as number) * (least + (bin + 0.5) * width);
  let [best, bestVariance, below, sumBelow] = [0, -1, 0, 0];
  for (let bin = 0; bin < bins - 1; bin++) {
    const count = counts[bin] as number;
    below += count;
    sumBelow += count * (least + (bin + 0.5) * width);
    // Between two filled bins the classes do not change: the first split of a run stands for it, whatever rounding says.
    if (count === 0 || below === total) continue;
    const difference = sumBelow / below - (sumAll - sumBelow) / (total - below);
    const variance = below * (total - below) * difference * difference;
    if (variance > bestVariance) [best, bestVariance] = [bin, variance];
  }
  return best;
}
