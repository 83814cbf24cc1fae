import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  appendToOracle,
  copyOf,
  emptyOracle,
  firstDifference,
  freshValues,
  longest,
  programs,
  startPass,
  type Oracle,
  type OracleRow,
} from "./cache-oracle.js";
import { ringLayout, testLayout } from "./graphs.js";
import { capacityFor, createHostCache, hostGrowth, type CacheArray, type HostCache } from "@dynamo/ort";

const [rows, maxLength] = [3, 300];

describe.each(["float32", "float16"] as const)("host cache of %s", (dtype) => {
  test.each([
    ["whole", testLayout],
    ["with rings", ringLayout],
  ] as const)("holds what was appended and copied, like plain lists (%s)", (_, layoutOf) => {
    fc.assert(
      fc.property(programs(rows, maxLength), (steps) => {
        const layout = layoutOf({ rows, maxLength, dtype });
        const caches = [rows, rows + 1].map((count) => ({
          cache: createHostCache({ ...layout, rows: count }),
          oracle: emptyOracle(count),
        })) as [{ cache: HostCache; oracle: Oracle }, { cache: HostCache; oracle: Oracle }];
        for (const [seed, step] of steps.entries()) {
          const { cache, oracle } = caches[step.cache as 0 | 1];
          if (step.kind === "trim") {
            cache.trim(longest(oracle));
            expect(cache.capacity).toBeLessThanOrEqual(2 * capacityFor(longest(oracle), maxLength, hostGrowth));
          } else if (step.kind === "copy") {
            const given = caches[step.source as 0 | 1];
            const source = given.oracle[step.from] as OracleRow;
            const length = Math.floor(source.positions.length * step.share);
            cache.copyRow(step.from, step.to, length, given.cache);
            oracle[step.to] = copyOf(source, length);
          } else {
            const used = startPass(oracle, step, maxLength);
            const lengths = used.map((_, row) => (oracle[row] as OracleRow).positions.length);
            const fresh = freshValues(layout, used.length, step.newPositions, seed);
            const pass = { lengths, newPositions: step.newPositions, counts: used };
            cache.check(pass);
            cache.append(fresh.data as CacheArray, pass);
            appendToOracle(oracle, fresh, used);
          }
          for (const view of cache.view(rows)) expect(firstDifference(oracle, layout, view)).toBeUndefined();
          expect(cache.capacity).toBeLessThanOrEqual(maxLength);
        }
      }),
      { numRuns: 150 },
    );
  });
});

test("a view of fewer rows is a prefix of the same memory", () => {
  const cache = createHostCache(testLayout());
  const [one, all] = [cache.view(1), cache.view(3)];
  expect(one[0]?.data.buffer).toBe(all[0]?.data.buffer);
  expect(one[0]?.dims).toEqual([1, 2, 4, 64]);
  expect(all[1]?.dims).toEqual([3, 1, 64, 4]);
});

test("memory that no position was written to is zero, also after growth", () => {
  const layout = testLayout({ rows: 2 });
  const cache = createHostCache(layout);
  const fresh = freshValues(layout, 1, 70, 1);
  cache.append(fresh.data as CacheArray, { lengths: [0], newPositions: 70 });
  for (const { dims, data } of cache.view(2)) {
    const rowSize = data.length / (dims[0] as number);
    expect(data.subarray(rowSize).every((value) => value === 0)).toBe(true);
  }
});

test("a ring takes its room, however long its rows are, and keeps the newest positions of a pass longer than itself", () => {
  const layout = ringLayout({ rows: 1 });
  const cache = createHostCache(layout);
  const oracle = emptyOracle(1);
  const fresh = freshValues(layout, 1, 130, 1);
  cache.append(fresh.data as CacheArray, { lengths: [0], newPositions: 130 });
  appendToOracle(oracle, fresh, [130]);
  const views = cache.view(1);
  expect(views.map(({ dims }) => Math.max(...dims.slice(2)))).toEqual([192, 192, 50, 50]);
  for (const view of views) expect(firstDifference(oracle, layout, view)).toBeUndefined();
});

test("capacity is enough, within maxLength, and at most 64 positions or a sixteenth above what is needed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 1, max: 100_000 }), (needed, most) => {
      fc.pre(needed <= most);
      const capacity = capacityFor(needed, most, hostGrowth);
      expect(capacity).toBeGreaterThanOrEqual(Math.max(needed, 1));
      expect(capacity).toBeLessThanOrEqual(most);
      expect(capacity - needed).toBeLessThanOrEqual(Math.max(64, needed / 16));
    }),
  );
});

test("layouts and passes that cannot be are refused with what was expected", () => {
  const layout = testLayout({ rows: 2, maxLength: 10 });
  const cache = createHostCache(layout);
  const [key] = layout.tensors as [(typeof layout.tensors)[number]];
  expect(() => createHostCache({ ...layout, rows: 0 })).toThrow(
    "rows must be a whole number from 1 to 4096, received 0",
  );
  expect(() => createHostCache({ ...layout, maxLength: 2 ** 60 })).toThrow("maxLength");
  expect(() => createHostCache({ ...layout, tensors: [] })).toThrow("number of cache tensors");
  expect(() => createHostCache({ ...layout, tensors: [key, key] })).toThrow("names a tensor twice");
  expect(() => createHostCache({ ...layout, tensors: [key, { ...key, name: "b", headSize: 5 }] })).toThrow(
    "share one headSize",
  );
  expect(() => cache.check({ lengths: [0, 0, 0], newPositions: 1 })).toThrow(
    "number of lengths must be a whole number from 1 to 2, received 3",
  );
  expect(() => cache.check({ lengths: [11], newPositions: 1 })).toThrow(
    "cache length must be a whole number from 0 to 10, received 11",
  );
  expect(() => cache.check({ lengths: [NaN], newPositions: 1 })).toThrow("received NaN");
  expect(() => cache.check({ lengths: [0], newPositions: 0 })).toThrow("newPositions");
  expect(() => cache.check({ lengths: [0], newPositions: 1, counts: [2] })).toThrow(
    "count of new positions must be a whole number from 0 to 1, received 2",
  );
  expect(() => cache.check({ lengths: [0], newPositions: 1, counts: [] })).toThrow("number of counts");
  expect(() => createHostCache({ ...layout, tensors: [{ ...key, room: 0 }] })).toThrow("room of past.0.key");
  expect(() => cache.copyRow(0, 2, 1)).toThrow("row copied to must be a whole number from 0 to 1, received 2");
  expect(() => cache.append(new Float32Array(3), { lengths: [0], newPositions: 1 })).toThrow(
    "delta: expected 28 elements, received 3",
  );
});
