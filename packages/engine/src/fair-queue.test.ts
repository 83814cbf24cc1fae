import fc from "fast-check";
import { expect, test } from "vitest";
import { fairQueue } from "./fair-queue.js";

test("keys take turns, each in its own order, and nothing is lost", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 }), (keys) => {
      const queue = fairQueue<string>();
      for (const [i, key] of keys.entries()) queue.push(key, `${key}${i}`);
      expect(queue.size).toBe(keys.length);
      const served: string[] = [];
      for (let next = queue.next(); next !== undefined; next = queue.next()) served.push(next);
      expect([...served].sort()).toEqual(keys.map((key, i) => `${key}${i}`).sort());
      for (const key of ["a", "b", "c"]) {
        const places = served.filter((item) => item.startsWith(key)).map((item) => Number(item.slice(1)));
        expect(places).toEqual([...places].sort((a, b) => a - b));
      }
      // As long as two keys wait, neither is served twice in a row.
      for (let i = 1; i < served.length; i++) {
        const key = (served[i] as string)[0];
        if (key === served[i - 1]?.[0]) expect(served.slice(i).every((item) => item[0] === key)).toBe(true);
      }
    }),
  );
});

test("removes what is there, once", () => {
  const queue = fairQueue<number>();
  queue.push("a", 1);
  queue.push("a", 2);
  expect([queue.remove("a", 1), queue.remove("a", 1), queue.remove("b", 2), queue.size]).toEqual([
    true,
    false,
    false,
    1,
  ]);
  expect([queue.drain(), queue.size, queue.next()]).toEqual([[2], 0, undefined]);
});
