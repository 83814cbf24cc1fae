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
      const turns = served.map((item) => item.slice(0, 1));
      for (let i = 1; i < turns.length; i++)
        if (turns[i] === turns[i - 1]) expect(new Set(turns.slice(i)).size).toBe(1);
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
