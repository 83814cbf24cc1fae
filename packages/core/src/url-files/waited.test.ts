/** A pause ends by itself, by a stop within it, and by one before it; nothing is left behind. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { waited } from "./waited.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("after its milliseconds, without a listener on the signal", async () => {
  const { signal } = new AbortController();
  const [added, removed] = [vi.spyOn(signal, "addEventListener"), vi.spyOn(signal, "removeEventListener")];
  const pause = waited(500, signal);
  await vi.advanceTimersByTimeAsync(499);
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  await pause;
  expect(removed.mock.calls).toEqual(added.mock.calls);
});

test("when the signal fires, and at once when it has fired", async () => {
  const stop = new AbortController();
  const pause = waited(60_000, stop.signal);
  stop.abort();
  await pause;
  await waited(60_000, stop.signal);
  expect(vi.getTimerCount()).toBe(0);
});

test("refuses what is no time, and no signal", () => {
  expect(() => waited(-1, undefined)).toThrow(/milliseconds must be a number of at least 0/);
  expect(() => waited(1, {} as AbortSignal)).toThrow(/signal must be/);
});
