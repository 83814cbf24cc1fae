/**
 * A race that is fair on any machine: the lanes share one device, so they run in turns, and the one whose own passes have
 * taken less time so far goes next. Both are then at the same moment of a race in which each has the device to itself.
 */

export interface LaneStep<Item> {
  readonly lane: number;
  readonly item: Item;
  /** Seconds of this lane's own passes so far. */
  readonly seconds: number;
}

/** Runs until every lane ends. `now` is in milliseconds. */
export async function* race<Item>(
  lanes: readonly AsyncIterator<Item, unknown>[],
  now: () => number = () => performance.now(),
): AsyncGenerator<LaneStep<Item>, void> {
  const seconds = lanes.map(() => 0);
  const running = new Set(lanes.keys());
  try {
    while (running.size > 0) {
      const lane = [...running].reduce((a, b) => ((seconds[b] as number) < (seconds[a] as number) ? b : a));
      const started = now();
      const { done, value } = await (lanes[lane] as AsyncIterator<Item, unknown>).next();
      seconds[lane] = (seconds[lane] as number) + (now() - started) / 1000;
      if (done === true) running.delete(lane);
      else yield { lane, item: value, seconds: seconds[lane] };
    }
  } finally {
    for (const lane of lanes) await lane.return?.();
  }
}

/** Lanes that run elsewhere, all at once: each one's clock runs from the start to where it is. */
export async function* together<Item>(
  lanes: readonly AsyncIterator<Item, unknown>[],
  now: () => number = () => performance.now(),
): AsyncGenerator<LaneStep<Item>, void> {
  const started = now();
  const ask = async (lane: number): Promise<LaneStep<Item> | { readonly lane: number; readonly item?: never }> => {
    const { done, value } = await (lanes[lane] as AsyncIterator<Item, unknown>).next();
    return done === true ? { lane } : { lane, item: value, seconds: (now() - started) / 1000 };
  };
  const pending = new Map(lanes.map((_, lane) => [lane, ask(lane)]));
  try {
    while (pending.size > 0) {
      const step = await Promise.race(pending.values());
      if ("seconds" in step) {
        pending.set(step.lane, ask(step.lane));
        yield step;
      } else pending.delete(step.lane);
    }
  } finally {
    // Nobody waits for these any more: a lane that hangLimit is its owner's to stop.
    for (const each of pending.values()) each.catch(() => undefined);
    for (const lane of lanes) void lane.return?.().catch(() => undefined);
  }
}
