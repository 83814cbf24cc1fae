import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { childrenOf, memoryTrend, residentBytes } from "./soak-memory.js";

const mebibytes = (values: readonly number[]): number[] => values.map((value) => value * 2 ** 20);
const allowed = { share: 0.1, mebibytes: 4 };

test("memory that grows while a run warms up, and then swings, is flat", () => {
  const samples = mebibytes([10, 50, 90, 100, 104, 98, 97, 103, 99, 101, 104, 96]);
  expect(memoryTrend(samples, allowed)).toMatchObject({
    most: 104,
    course: expect.objectContaining({ length: 12 }) as unknown,
    allowed: expect.closeTo(10.07, 1),
    flat: true,
  });
});

test("memory that goes on growing is not", () => {
  const samples = mebibytes(Array.from({ length: 100 }, (_, i) => 100 + i / 2));
  const { growth, flat } = memoryTrend(samples, allowed);
  expect([growth, flat]).toEqual([expect.closeTo(25, 5), false]);
});

test("a small process may grow by what is noise for it", () => {
  const samples = mebibytes([10, 10, 10, 10, 10, 10, 13, 13]);
  expect(memoryTrend(samples, allowed)).toMatchObject({ growth: 3, allowed: 4, flat: true });
  expect(() => memoryTrend([1, 2, 3], allowed)).toThrow("at least 4 samples");
});

test("sees another process, its memory, and its end", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log('here')"]);
  await once(child.stdout, "data");
  const pid = child.pid as number;
  expect(await childrenOf(process.pid)).toContain(pid);
  expect(await residentBytes(pid)).toBeGreaterThan(2 ** 22);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await childrenOf(process.pid)).not.toContain(pid);
  expect(await residentBytes(pid)).toBe(0);
});
