import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { race } from "./race.js";

/** Lanes whose passes take the given milliseconds of a clock that only they move. */
function lanesOf(durations: readonly (readonly number[])[]): {
  lanes: AsyncGenerator<number, void>[];
  now: () => number;
  closed: Set<number>;
} {
  let clock = 0;
  const closed = new Set<number>();
  const lanes = durations.map(async function* (own, lane): AsyncGenerator<number, void> {
    try {
      for (const [i, milliseconds] of own.entries()) {
        clock += milliseconds;
        yield i;
      }
    } finally {
      closed.add(lane);
    }
  });
  return { lanes, now: () => clock, closed };
}

describe("a race", () => {
  it("runs every lane to its end, and none is ahead by more than one of its passes", async () => {
    const durations = fc.array(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), {
      minLength: 2,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(durations, async (each) => {
        const { lanes, now } = lanesOf(each);
        const counts = each.map(() => 0);
        const seconds = each.map(() => 0);
        for await (const step of race(lanes, now)) {
          // Whoever went was behind, among those that still run.
          const before = step.seconds - (each[step.lane]?.[step.item] ?? 0) / 1000;
          for (const [lane, other] of seconds.entries()) {
            if ((counts[lane] ?? 0) < (each[lane]?.length ?? 0)) expect(before).toBeLessThanOrEqual(other + 1e-9);
          }
          counts[step.lane] = (counts[step.lane] ?? 0) + 1;
          seconds[step.lane] = step.seconds;
        }
        expect(counts).toEqual(each.map(({ length }) => length));
      }),
    );
  });

  it("closes its lanes when it is left", async () => {
    const { lanes, now, closed } = lanesOf([
      [1, 1, 1],
      [1, 1, 1],
    ]);
    let steps = 0;
    for await (const _ of race(lanes, now)) if (++steps === 2) break;
    expect([...closed]).toEqual([0, 1]);
  });
});
