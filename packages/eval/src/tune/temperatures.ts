/** Temperatures that tuning tries, and those of the frontier that it measures against. */

/** To either side. */
const step = 0.1;
const fallback = 0.7;

/** Around the model's own: at lower ones texts are likelier, faster and less varied, which no gap at equal variety counts. */
export function temperaturesAround(own: number | undefined): number[] {
  const middle = own === undefined || own === 0 ? fallback : own;
  return [middle - step, middle, middle + step].map(twoDigits).filter((temperature) => temperature > 0);
}

/** More of them lie so near to each other that their order is chance. */
const points = 5;
/** Several tokens per pass vary less than one at the same temperature, and seldom more. */
const [below, above] = [0.6, 1.3];

/** Five, in equal ratios, from under the lowest to over the highest. */
export function frontierTemperatures(tried: readonly number[]): number[] {
  const [low, high] = [below * Math.min(...tried), above * Math.max(...tried)];
  return Array.from({ length: points }, (_, i) => twoDigits(low * (high / low) ** (i / (points - 1))));
}

const twoDigits = (value: number): number => Number(value.toFixed(2));
