import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { race, together } from "./race.js";

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

describe("a race of lanes that run elsewhere", () => {
  /** A lane whose items come when they are handed over. */
  function handedOver(): { lane: AsyncGenerator<string, void>; give: (item: string) => void } {
    const waiting: ((item: string) => void)[] = [];
    const next = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));
    async function* items(): AsyncGenerator<string, void> {
      for (let item = await next(); item !== "end"; item = await next()) yield item;
    }
    return { lane: items(), give: (item) => waiting.shift()?.(item) };
  }

  it("gives each item when it is there, with the time since the start", async () => {
    let clock = 1000;
    const [a, b] = [handedOver(), handedOver()];
    const steps = together([a.lane, b.lane], () => clock);
    const after = async (milliseconds: number, give: () => void): Promise<unknown> => {
      const step = steps.next();
      await Promise.resolve();
      clock += milliseconds;
      give();
      return (await step).value;
    };
    expect(await after(20, () => b.give("b1"))).toEqual({ lane: 1, item: "b1", seconds: 0.02 });
    expect(await after(30, () => a.give("a1"))).toEqual({ lane: 0, item: "a1", seconds: 0.05 });
    expect(await after(10, () => a.give("a2"))).toEqual({ lane: 0, item: "a2", seconds: 0.06 });
    a.give("end");
    expect(await after(40, () => b.give("b2"))).toEqual({ lane: 1, item: "b2", seconds: 0.1 });
    expect(await after(0, () => b.give("end"))).toBeUndefined();
  });

  it("ends with the first lane that fails, though another one hangLimit", async () => {
    const hanging: AsyncIterator<number> = { next: () => new Promise(() => undefined) };
    const failing: AsyncIterator<number> = { next: () => Promise.reject(new Error("gone")) };
    await expect(together([hanging, failing]).next()).rejects.toThrow("gone");
  });
});
