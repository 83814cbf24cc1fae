/**
 * From coarse to fine: many settings on few prompts, then those of which most is to be expected, and others of which as much is expected
 * untried, on more and more.
 */
import { outlookOf } from "./outlook.js";
import { keyOf, type Trial, type TuneSetting } from "./setting.js";
import { firstSettings, gridOf, untried, type Space } from "./space.js";

/** Each of the settings on the first so many prompts; what was written before is not written again. */
export type Measure = (settings: readonly TuneSetting[], prompts: number) => Promise<readonly Trial[]>;

export interface SearchOptions {
  readonly space: Space;
  /** Prompts that there are. */
  readonly prompts: number;
  /** Nats per token. */
  readonly tolerance: number;
  readonly seed: number;
}

/** What goes on after the first round. */
interface Round {
  /** Of the prompts. */
  readonly share: number;
  /** Settings that stay, and settings that come to them. */
  readonly kept: number;
  readonly fresh: number;
  /** Of the grid from which these are taken: of ε_b. */
  readonly step: number;
}

const firstShare = 1 / 4;
const rounds: readonly Round[] = [
  { share: 1 / 2, kept: 10, fresh: 10, step: 0.05 },
  { share: 1, kept: 5, fresh: 3, step: 0.02 },
  // Where more prompts have shown that what was kept loses too much, what is beside it is looked at once more.
  { share: 1, kept: 8, fresh: 5, step: 0.02 },
];

/** Of few prompts at least two: an interval needs them. */
const promptsOf = (share: number, all: number): number => Math.min(all, Math.max(2, Math.ceil(share * all)));

/** Every setting's last trial: those of most prompts first, and among these those of which most is to be expected. */
export async function search(options: SearchOptions, measure: Measure): Promise<Trial[]> {
  const { space, prompts, tolerance, seed } = options;
  const trials = new Map<string, Trial>();
  const tryOut = async (settings: readonly TuneSetting[], share: number): Promise<void> => {
    for (const trial of await measure(settings, promptsOf(share, prompts))) trials.set(keyOf(trial.setting), trial);
  };
  await tryOut(firstSettings(space, seed), firstShare);
  for (const { share, kept, fresh, step } of rounds) {
    const tried = [...trials.values()];
    const best = bestFirst(
      tried,
      tried.map(({ setting }) => setting),
      tolerance,
    );
    const stay = best.slice(0, kept);
    const near = bestFirst(tried, untried(gridOf(space, step), best), tolerance).slice(0, fresh);
    await tryOut([...stay, ...anchorOf(best, stay), ...near], share);
  }
  const all = [...trials.values()];
  const order = bestFirst(
    all,
    all.map(({ setting }) => setting),
    tolerance,
  );
  const trialAt = (setting: TuneSetting): Trial => trials.get(keyOf(setting)) as Trial;
  return order.map(trialAt).sort((a, b) => b.count - a.count);
}

/** Settings, tried or not, by what the trials say: the most to be expected of first. */
export function bestFirst(
  trials: readonly Trial[],
  settings: readonly TuneSetting[],
  tolerance: number,
): TuneSetting[] {
  const outlook = outlookOf(trials, tolerance);
  return settings
    .map((setting) => ({ setting, expected: outlook(setting) }))
    .sort((a, b) => b.expected - a.expected)
    .map(({ setting }) => setting);
}

/** The best of `verified` stays to the end, however slow: what was found is held against it. */
function anchorOf(best: readonly TuneSetting[], kept: readonly TuneSetting[]): TuneSetting[] {
  const isAnchor = ({ strategy }: TuneSetting): boolean => strategy === "verified";
  return kept.some(isAnchor) ? [] : best.filter(isAnchor).slice(0, 1);
}

/** Texts that a search writes at most, of all settings together. */
export function mostTexts({ space, prompts, seed }: SearchOptions): number {
  const first = promptsOf(firstShare, prompts);
  return rounds.reduce(
    (texts, { share, kept, fresh }) => {
      const now = promptsOf(share, prompts);
      // What stays, `verified` besides, may be of the first round.
      return texts + (kept + 1) * (now - first) + fresh * now;
    },
    first * firstSettings(space, seed).length,
  );
}
