/** Learning rates over the steps of a run. */

export interface ScheduleOptions {
  /** `cosine` falls from 1 to `floor`; `constant` stays at 1 after the warm-up. */
  readonly shape: "cosine" | "constant";
  readonly steps: number;
  /** The first steps, in which the rate rises linearly. */
  readonly warmUpSteps: number;
  /** What is left at the last step, as a fraction. */
  readonly floor: number;
}

/** The factor of every learning rate at a step, from 0: never 0 in the warm-up, `floor` at the end. */
export function scheduleFactor(step: number, { shape, steps, warmUpSteps, floor }: ScheduleOptions): number {
  if (step < warmUpSteps) return (step + 1) / warmUpSteps;
  if (shape === "constant") return 1;
  const progress = Math.min(1, (step - warmUpSteps) / Math.max(1, steps - warmUpSteps));
  return floor + ((1 - floor) * (1 + Math.cos(Math.PI * progress))) / 2;
}
