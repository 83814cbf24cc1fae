import { expect, test } from "vitest";
import { heartbeat, lookInterval } from "./heartbeat.js";

test("silent after three looks without a sign of life, hanging after ten, alive again with the next sign", () => {
  const { heard, look } = heartbeat();
  const looks = (count: number): string[] => Array.from({ length: count }, look);
  expect(looks(3)).toEqual(["alive", "alive", "silent"]);
  heard();
  expect(looks(10)).toEqual(["alive", "alive", ...new Array<string>(7).fill("silent"), "hung"]);
});

test("ten looks are the limit", () => {
  expect([lookInterval(10_000), lookInterval(500), lookInterval(1)]).toEqual([1000, 50, 1]);
});
