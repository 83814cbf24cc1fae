/** Against CPython 3: `r = random.Random(seed); r.sample(range(population), count)`, again and again. */
import { expect, test } from "vitest";
import { createPythonRandom } from "./python-random.js";

test("samples are Python's, call after call, from pools and from sets", () => {
  const random = createPythonRandom(1234);
  expect([random.sample(100, 5), random.sample(100, 5), random.sample(100, 5)]).toEqual([
    [99, 56, 14, 0, 11],
    [74, 4, 85, 88, 10],
    [12, 98, 45, 30, 2],
  ]);
  expect(random.sample(3000, 6)).toEqual([126, 64, 1417, 2655, 2552, 1983]);
  expect(random.sample(10, 4)).toEqual([9, 7, 2, 0]);
});

test("a sample has every number once", () => {
  expect(
    createPythonRandom(7)
      .sample(30, 30)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 30 }, (_, i) => i));
});
