/**
 * What is to be expected of a setting: from its own trial, and from those of its family, whose speed and gap change evenly with ε_b, temperature,
 * top-k and α_c. Few texts say little of one setting, and much of all together.
 */
import { linearBeliefs, type Belief, type Observation } from "../statistics/linear-beliefs.js";
import { criticalT, cumulativeT } from "../statistics/student.js";
import type { Estimate } from "../statistics/intervals.js";
import { keyOf, type Trial, type TuneSetting } from "./setting.js";

/** The speed-up to be expected of a setting, whether it was tried or not. */
export type Outlook = (setting: TuneSetting) => number;

/** How far a setting's truth may be from what its family says, in nats, in logarithms of speed-ups, and in shares. */
const misfit = 0.03;
/** Of what a part of a setting does over its range, before anything is known. */
const priorError = 0.3;
/** An error by pooled trials is nearly normal. */
const manyDegrees = 200;

/**
 * The expected speed-up where a setting that turns out to lose more than the tolerance is given up for one token per pass:
 * 1 + P(gap ≤ tolerance) · (speed-up - 1). A doubtful fast setting is worth a look while little is known, and not later.
 */
export function outlookOf(trials: readonly Trial[], tolerance: number): Outlook {
  const latest = new Map(trials.map((trial) => [keyOf(trial.setting), trial]));
  const all = observationsOf([...latest.values()]);
  const families = new Map<string, Map<string, Surface>>();
  return (setting) => {
    const [family, key] = [familyOf(setting), keyOf(setting)];
    const known = families.get(family) ?? new Map<string, Surface>();
    families.set(family, known);
    const own = latest.has(key) ? key : "";
    // What a setting says itself is not asked of its family again.
    const surface = known.get(own) ?? surfaceOf(all.filter((each) => each.family === family && each.key !== own));
    known.set(own, surface);
    return expected(
      surface(setting),
      all.find((each) => each.key === own),
      tolerance,
    );
  };
}

interface Observed {
  readonly key: string;
  readonly family: string;
  readonly parts: readonly number[];
  readonly lossless: boolean;
  readonly logSpeedup: Belief;
  /** None of a lossless setting. */
  readonly gap: Belief | undefined;
  readonly isBeyond: boolean;
}

interface Foretold {
  readonly logSpeedup: Belief;
  readonly gap: Belief | undefined;
  /** The probability that its variety lies beyond the frontier. */
  readonly beyond: number;
}

type Surface = (setting: TuneSetting) => Foretold;

function observationsOf(trials: readonly Trial[]): Observed[] {
  const usual = usualErrors(trials);
  return trials.map(({ setting, speedup, gap, lossless, count }) => {
    const own = {
      value: Math.log(Math.max(1e-3, speedup.value)),
      error: Math.max(errorOf(logOf(speedup), count), usual(count).logSpeedup, 1e-6),
    };
    return {
      ...{ key: keyOf(setting), family: familyOf(setting), parts: partsOf(setting), lossless, logSpeedup: own },
      gap:
        lossless || gap === null
          ? undefined
          : { value: gap.nats.value, error: Math.max(errorOf(gap.nats, count), usual(count).gap, 1e-6) },
      isBeyond: !lossless && (gap?.beyond ?? true),
    };
  });
}

/** By number of prompts, the median: of few prompts an error may look small by chance. */
function usualErrors(
  trials: readonly Trial[],
): (count: number) => { readonly logSpeedup: number; readonly gap: number } {
  const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
  const known = new Map(
    [...new Set(trials.map(({ count }) => count))].map((count) => {
      const same = trials.filter((trial) => trial.count === count);
      const gaps = same.flatMap(({ gap, lossless }) => (gap === null || lossless ? [] : [errorOf(gap.nats, count)]));
      const speedups = same.map(({ speedup }) => errorOf(logOf(speedup), count));
      return [count, { logSpeedup: median(speedups), gap: median(gaps) }];
    }),
  );
  return (count) => known.get(count) ?? { logSpeedup: 0, gap: 0 };
}

const errorOf = ({ interval }: Estimate, count: number): number =>
  interval === null ? 0 : (interval[1] - interval[0]) / 2 / criticalT(Math.max(1, count - 1));

const logOf = ({ value, interval }: Estimate): Estimate => ({
  value: Math.log(value),
  interval: interval === null ? null : [Math.log(interval[0]), Math.log(interval[1])],
});

const familyOf = ({ strategy, joint }: TuneSetting): string => [strategy, joint].join(" ");

/** Each about from -1 to 1 over what is tried. */
function partsOf({ backoff = 0.5, temperature, topK, maskStrength = 0.6 }: TuneSetting): number[] {
  const share = (backoff - 0.5) / 0.4;
  return [1, share, share ** 2, (temperature - 0.7) / 0.1, Math.log2(topK) - 4, (maskStrength - 0.6) / 0.4];
}

function surfaceOf(observed: readonly Observed[]): Surface {
  const fit = (of: (each: Observed) => Belief | undefined): ((parts: readonly number[]) => Belief) => {
    const known = observed.flatMap((each): Observation[] => {
      const belief = of(each);
      // Settings of one family do not lie on its surface either.
      return belief === undefined ? [] : [{ x: each.parts, y: belief.value, error: Math.hypot(belief.error, misfit) }];
    });
    return linearBeliefs(known, priorError);
  };
  const logSpeedup = fit((each) => each.logSpeedup);
  const gap = fit((each) => (each.isBeyond ? undefined : each.gap));
  const beyond = fit((each) => ({ value: each.isBeyond ? 1 : 0, error: priorError }));
  const lossless = observed[0]?.lossless ?? false;
  return (setting) => {
    const parts = partsOf(setting);
    const share = beyond(parts).value;
    return {
      logSpeedup: logSpeedup(parts),
      gap: lossless ? undefined : gap(parts),
      beyond: lossless ? 0 : Math.min(1, Math.max(0, share)),
    };
  };
}

function expected(foretold: Foretold, own: Observed | undefined, tolerance: number): number {
  const speedup = Math.exp(combined(foretold.logSpeedup, own?.logSpeedup).value);
  if (speedup <= 1) return speedup;
  const isLossless = own === undefined ? foretold.gap === undefined : own.lossless;
  if (isLossless) return speedup;
  if (own?.isBeyond === true) return 1;
  const { value, error } = combined(foretold.gap ?? { value: 0, error: 1 }, own?.gap);
  const within = cumulativeT((tolerance - value) / error, manyDegrees);
  return 1 + within * (own === undefined ? 1 - foretold.beyond : 1) * (speedup - 1);
}

/** What the family says of a setting, and what the setting says itself, each by how sure it is. */
function combined(family: Belief, own: Belief | undefined): Belief {
  const wide = { value: family.value, error: Math.hypot(family.error, misfit) };
  if (own === undefined) return wide;
  const [a, b] = [1 / wide.error ** 2, 1 / own.error ** 2];
  return { value: (a * wide.value + b * own.value) / (a + b), error: 1 / Math.sqrt(a + b) };
}
