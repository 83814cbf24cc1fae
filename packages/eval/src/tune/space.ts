/** Where tuning may look: kinds of settings that a model can have, all of them on a grid, and those that a search begins with. */
import { createRandom, type JointKind } from "@dynamo/decode";
import { keyOf, type TuneSetting } from "./setting.js";

/** Settings of one strategy and joint. */
export interface Family {
  readonly strategy: TuneSetting["strategy"];
  readonly joint?: JointKind;
  /** Whether it has an ε_b. */
  readonly backoff: boolean;
  /** α_c in ascending order; none where it says nothing. */
  readonly maskStrengths: readonly number[];
  /** In ascending order. */
  readonly topKs: readonly number[];
}

export interface Space {
  readonly families: readonly Family[];
  /** In ascending order. */
  readonly temperatures: readonly number[];
  /** The model's own, from which the others were made. */
  readonly topK: number;
}

/** What a model has that decides which settings are its own. */
export interface Abilities {
  readonly tokenHeads: number;
  /** Its heads know the tokens between by conditional parts. */
  readonly hasParts: boolean;
  /** It has co-occurrence counts. */
  readonly hasCounts: boolean;
}

/** A joint of grids has no more tuples than this, and no strategy more candidates. */
const mostCells = 2 ** 31 - 1;
const mostTopK = 1024;
const allStrengths = [0.25, 0.5, 0.75, 1];

/**
 * The joints that a model can have: `learned` and `chain` need parts or counts to say what comes behind a token, the mask of `counts` needs
 * counts. Beside `learned` there is no α_c to tune: the counts are in it. A strategy of the user's own stands in dynamo's place.
 */
export function spaceOf(
  { tokenHeads, hasParts, hasCounts }: Abilities,
  { temperatures, topK, plugin }: { temperatures: readonly number[]; topK: number; plugin: boolean },
): Space {
  const topKs = distinctAscending([Math.max(1, Math.round(topK / 2)), topK, Math.min(mostTopK, 2 * topK)]);
  const ofGrids = topKs.filter((k) => k ** tokenHeads <= mostCells);
  const masks = hasCounts ? allStrengths : [];
  const knowsBetween = hasParts || hasCounts;
  const own: Family[] = plugin
    ? [{ strategy: "plugin", backoff: true, maskStrengths: allStrengths, topKs }]
    : [
        { strategy: "dynamo", joint: "counts", backoff: true, maskStrengths: masks, topKs: ofGrids },
        ...(knowsBetween
          ? ([
              { strategy: "dynamo", joint: "learned", backoff: true, maskStrengths: [], topKs: ofGrids },
              { strategy: "dynamo", joint: "chain", backoff: true, maskStrengths: [], topKs },
            ] as const)
          : []),
      ];
  const anchor: Family = { strategy: "verified", backoff: false, maskStrengths: hasParts ? [] : masks, topKs };
  return {
    families: [...own.filter((family) => family.topKs.length > 0), anchor],
    temperatures: distinctAscending(temperatures),
    topK,
  };
}

const distinctAscending = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);

/** Settings of a family that a search begins with. */
const drawn = 16;
/** ε_b of them; below, nothing gets faster, and at 1 it is one token per pass. */
const [leastBackoff, mostBackoff] = [0.1, 0.95];

/**
 * Sixteen settings of each family with an ε_b: one in each sixteenth of its range, the other parts drawn so that every value comes as often;
 * `verified` at each temperature with the model's top-k. The same for the same seed.
 */
export function firstSettings(space: Space, seed: number): TuneSetting[] {
  const random = createRandom(seed);
  const settings = space.families.flatMap((family) => {
    if (!family.backoff)
      return space.temperatures.map((temperature) =>
        settingOf(family, { temperature, topK: space.topK, maskStrength: family.maskStrengths.at(-1) }),
      );
    const [temperatures, topKs] = [spread(space.temperatures, random), spread(family.topKs, random)];
    const strengths = spread(family.maskStrengths, random);
    return Array.from({ length: drawn }, (_, i) => {
      const backoff = leastBackoff + ((i + random()) / drawn) * (mostBackoff - leastBackoff);
      return settingOf(family, {
        ...{ temperature: temperatures[i] ?? 0, topK: topKs[i] ?? 1, maskStrength: strengths[i] },
        backoff: twoDigits(backoff),
      });
    });
  });
  return untried(settings, []);
}

/** `drawn` of the values, each as often as the others, in an order of their own; nothing of none. */
function spread(values: readonly number[], random: () => number): number[] {
  if (values.length === 0) return [];
  const all = Array.from({ length: drawn }, (_, i) => ({ value: values[i % values.length] ?? 0, at: random() }));
  return all.sort((a, b) => a.at - b.at).map(({ value }) => value);
}

type Parts = Omit<TuneSetting, "strategy" | "joint">;

const settingOf = ({ strategy, joint }: Family, { temperature, topK, backoff, maskStrength }: Parts): TuneSetting => ({
  strategy,
  ...(joint === undefined ? {} : { joint }),
  ...{ temperature, topK },
  ...(backoff === undefined ? {} : { backoff }),
  ...(maskStrength === undefined ? {} : { maskStrength }),
});

/** All settings of the space, with ε_b in such steps from 0.1. */
export function gridOf(space: Space, step: number): TuneSetting[] {
  const backoffs = Array.from({ length: Math.floor((mostBackoff - leastBackoff) / step + 1e-9) + 1 }, (_, i) =>
    twoDigits(leastBackoff + i * step),
  );
  return space.families.flatMap((family) => {
    const strengths = family.maskStrengths.length === 0 ? [undefined] : family.maskStrengths;
    const ownBackoffs = family.backoff ? backoffs : [undefined];
    return space.temperatures.flatMap((temperature) =>
      family.topKs.flatMap((topK) =>
        strengths.flatMap((maskStrength) =>
          ownBackoffs.map((backoff) => settingOf(family, { temperature, topK, maskStrength, backoff })),
        ),
      ),
    );
  });
}

const twoDigits = (value: number): number => Number(value.toFixed(2));

/** Each once, without those that were tried. */
export function untried(settings: readonly TuneSetting[], tried: readonly TuneSetting[]): TuneSetting[] {
  const keys = new Set(tried.map(keyOf));
  return settings.filter((setting) => {
    const key = keyOf(setting);
    if (keys.has(key)) return false;
    keys.add(key);
    return true;
  });
}
