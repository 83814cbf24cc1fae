import { DynamoError, type NgramMatches } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNgramCounter, decodeMask, encodeMask, type CooccurrenceMask } from "./index.js";

const vocabularySize = 12;
const documents = fc.array(fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { maxLength: 40 }), {
  maxLength: 6,
});
const orders = fc.integer({ min: 1, max: 4 });

function countAll(
  docs: readonly (readonly number[])[],
  order: number,
  minCount = 1,
  size = vocabularySize,
): CooccurrenceMask {
  const counter = createNgramCounter({ order, vocabularySize: size });
  for (const document of docs) {
    counter.add(document);
    counter.endDocument();
  }
  return counter.finish({ minCount });
}

/** Counts straight from the definition. */
function oracle(docs: readonly (readonly number[])[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const document of docs) {
    for (let i = 0; i + n <= document.length; i++) {
      const key = document.slice(i, i + n).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(sum(parts.map(({ length }) => length)));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

const emptyMatches = (): NgramMatches => ({ cells: new Int32Array(0), weights: new Float64Array(0), length: 0 });

describe("createNgramCounter", () => {
  it("counts what the definition counts, at every order, and prunes by count", () => {
    fc.assert(
      fc.property(documents, orders, fc.integer({ min: 1, max: 3 }), (docs, order, minCount) => {
        const mask = countAll(docs, order, minCount);
        for (let n = 1; n <= order; n++) {
          const counts = oracle(docs, n);
          const kept = [...counts].filter(([, count]) => n === 1 || count >= minCount);
          expect(mask.total(n)).toBe(sum(counts.values()));
          expect(mask.stored(n)).toBe(kept.length);
          for (const [key, count] of kept) expect(mask.count(key.split(",").map(Number))).toBe(count);
        }
      }),
    );
  });

  it("goes on where the last piece of a document ended", () => {
    const counter = createNgramCounter({ order: 3, vocabularySize });
    counter.add([1, 2]);
    counter.add([3]);
    counter.endDocument();
    counter.add([4]);
    const mask = counter.finish();
    expect([mask.count([1, 2, 3]), mask.count([3, 4]), mask.total(3), counter.tokens]).toEqual([1, 0, 1, 4]);
  });

  it("counts each end right behind the last token, and none behind another", () => {
    fc.assert(
      fc.property(documents, orders, fc.uniqueArray(fc.nat(11), { maxLength: 3 }), (docs, order, ends) => {
        const counter = createNgramCounter({ order, vocabularySize });
        for (const document of docs) {
          counter.add(document);
          counter.endDocument(ends);
        }
        const mask = counter.finish();
        for (let n = 1; n <= order; n++) {
          const expected = oracle(docs, n);
          for (const document of docs)
            for (const end of ends)
              if (document.length >= n - 1) {
                const key = [...document.slice(document.length - n + 1), end].join();
                expected.set(key, (expected.get(key) ?? 0) + 1);
              }
          expect(mask.total(n)).toBe(sum(expected.values()));
          for (const [key, count] of expected) expect(mask.count(key.split(",").map(Number))).toBe(count);
        }
      }),
    );
  });

  it("grows past its first tables", () => {
    const size = 70_000;
    const tokens = Array.from({ length: 200_000 }, (_, i) => (i * 7919) % size);
    const mask = countAll([tokens], 2, 1, size);
    expect(mask.stored(2)).toBe(size);
    expect(mask.count([0, 7919])).toBe(3);
  });

  it("keeps counts that do not fit 16 bits, through the file", () => {
    const mask = countAll([new Array<number>(70_001).fill(5), [5, 6]], 3);
    const back = decodeMask(concatenate(encodeMask(mask)));
    for (const each of [mask, back])
      expect([each.count([5, 5]), each.count([5, 5, 5]), each.count([5, 6])]).toEqual([70_000, 69_999, 1]);
  });

  it("refuses orders and ids out of range", () => {
    expect(() => createNgramCounter({ order: 5, vocabularySize })).toThrow(/1 to 4, received 5/);
    expect(() => createNgramCounter({ order: 2, vocabularySize }).add([12])).toThrow(/0 to 11, received 12/);
    expect(() => createNgramCounter({ order: 2, vocabularySize }).finish({ minCount: 0 })).toThrow(/minCount/);
  });
});

describe("weight", () => {
  it("is [C_n/T_n] / Π [C_1/T_1], 0 for unseen n-grams and 1 for a token", () => {
    const mask = countAll([[1, 2, 1, 2, 3]], 3);
    expect(mask.weight([1, 2])).toBeCloseTo(2 / 4 / ((2 / 5) * (2 / 5)), 12);
    expect(mask.weight([1, 2, 3])).toBeCloseTo(1 / 3 / ((2 / 5) * (2 / 5) * (1 / 5)), 12);
    expect([mask.weight([2, 2]), mask.weight([3])]).toEqual([0, 1]);
  });
});

describe("match", () => {
  const list = fc.uniqueArray(fc.integer({ min: 0, max: vocabularySize + 2 }), { minLength: 1, maxLength: 14 });

  it("finds every seen n-gram among the candidates, in ascending cells, with its weight", () => {
    fc.assert(
      fc.property(
        documents,
        fc.integer({ min: 2, max: 4 }),
        fc.array(list, { minLength: 4, maxLength: 4 }),
        (docs, n, lists) => {
          const mask = countAll(docs, n);
          const candidates = lists.slice(0, n).map((ids) => Int32Array.from(ids));
          const expected: [number, number][] = [];
          const cells = candidates.reduce((product, { length }) => product * length, 1);
          for (let cell = 0; cell < cells; cell++) {
            const ngram: number[] = [];
            let rest = cell;
            for (const ids of [...candidates].reverse()) {
              ngram.unshift(ids[rest % ids.length] ?? -1);
              rest = Math.floor(rest / ids.length);
            }
            const weight = mask.weight(ngram);
            if (weight > 0) expected.push([cell, weight]);
          }
          const matches = emptyMatches();
          for (let again = 0; again < 2; again++) mask.match(candidates, matches);
          expect([...matches.cells.subarray(0, matches.length)]).toEqual(expected.map(([cell]) => cell));
          for (const [i, [, weight]] of expected.entries()) expect(matches.weights[i]).toBeCloseTo(weight, 9);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("looks long child lists up by search as it does short ones by walking", () => {
    const size = 5000;
    const mask = countAll(
      Array.from({ length: size }, (_, id) => [0, id]),
      2,
      1,
      size,
    );
    const matches = emptyMatches();
    mask.match([Int32Array.of(0), Int32Array.of(4999, 7)], matches);
    expect([...matches.cells.subarray(0, matches.length)]).toEqual([0, 1]);
  });

  it("refuses more lists than its order", () => {
    const lists = [0, 1, 2].map((id) => Int32Array.of(id));
    expect(() => countAll([], 2).match(lists, emptyMatches())).toThrow(/order 2 to 2, received 3/);
  });
});

describe("lifts", () => {
  const all = Int32Array.from({ length: vocabularySize }, (_, id) => id);
  const liftsAfter = (mask: CooccurrenceMask, history: readonly number[]): Float64Array => {
    const lifts = new Float64Array(vocabularySize);
    mask.lifts(history, all, lifts);
    const whole = new Float64Array(vocabularySize);
    mask.lifts(history, undefined, whole);
    expect(whole).toEqual(lifts);
    return lifts;
  };
  const historyOf = fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { maxLength: 5 });

  it("are those of the interpolated counts, from the definition", () => {
    fc.assert(
      fc.property(documents, orders, historyOf, (docs, order, history) => {
        const counts = Array.from({ length: order }, (_, i) => oracle(docs, i + 1));
        const total = sum(counts[0]?.values() ?? []);
        const single = (x: number): number => ((counts[0]?.get(String(x)) ?? 0) + 1) / (total + vocabularySize);
        const behind = (h: readonly number[], x: number): number => {
          if (h.length === 0) return single(x);
          // What was never seen says nothing; a document's last tokens were followed by nothing.
          const seen = counts[h.length - 1]?.get(h.join()) ?? 0;
          const followed = sum(all.map((y) => counts[h.length]?.get([...h, y].join()) ?? 0));
          const shorter = behind(h.slice(1), x);
          if (seen === 0) return shorter;
          return ((counts[h.length]?.get([...h, x].join()) ?? 0) + (20 + seen - followed) * shorter) / (seen + 20);
        };
        const lifts = liftsAfter(countAll(docs, order), history);
        const reached = history.slice(Math.max(0, history.length - (order - 1)));
        for (const x of all) expect((lifts[x] ?? 0) * single(x)).toBeCloseTo(behind(reached, x), 10);
      }),
    );
  });

  it("make a distribution of the unigrams whatever was pruned, and are above 0", () => {
    fc.assert(
      fc.property(documents, orders, historyOf, fc.integer({ min: 1, max: 4 }), (docs, order, history, minCount) => {
        const mask = countAll(docs, order, minCount);
        const lifts = liftsAfter(mask, history);
        const probabilities = Array.from(
          all,
          (x) => ((lifts[x] ?? 0) * (mask.count([x]) + 1)) / (mask.total(1) + vocabularySize),
        );
        expect(sum(probabilities)).toBeCloseTo(1, 10);
        expect(Math.min(...lifts)).toBeGreaterThan(0);
      }),
    );
  });
});

describe("the file", () => {
  it("gives back the same mask", () => {
    fc.assert(
      fc.property(documents, orders, (docs, order) => {
        const mask = countAll(docs, order);
        const back = decodeMask(concatenate(encodeMask(mask)));
        expect(back.trie).toEqual(mask.trie);
      }),
    );
  });

  it("reads bytes that lie at any address", () => {
    const bytes = concatenate(encodeMask(countAll([[1, 2, 3]], 2)));
    const odd = new Uint8Array(bytes.length + 3);
    odd.set(bytes, 3);
    expect(decodeMask(odd.subarray(3)).count([2, 3])).toBe(1);
  });

  it("fails with invalid-file, or gives a mask that can be used, whatever is changed", () => {
    const bytes = concatenate(encodeMask(countAll([[1, 2, 3, 1, 2], new Array<number>(70_000).fill(4)], 3)));
    const edits = fc.array(fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(edits, fc.integer({ min: 0, max: bytes.length }), fc.boolean(), (changes, length, cut) => {
        const damaged = bytes.slice(0, cut ? length : bytes.length);
        for (const { at, byte } of changes) if (at < damaged.length) damaged[at] = byte;
        try {
          const ids = Int32Array.from({ length: vocabularySize }, (_, id) => id);
          decodeMask(damaged).match([ids, ids], emptyMatches());
        } catch (error) {
          if (!DynamoError.is(error)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("takes at most half of 16 bytes per trigram on text-like counts", () => {
    // Zipf-distributed tokens with a memory: each token has a few likely followers, as words have.
    let state = 1;
    const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    let token = 0;
    const tokens = Array.from(
      { length: 300_000 },
      () => (token = (token * 31 + Math.floor(40 * random() ** 3)) % 2000),
    );
    const mask = countAll([tokens], 3, 1, 2000);
    const bytes = sum(encodeMask(mask).map(({ length }) => length));
    expect(bytes / mask.stored(3)).toBeLessThanOrEqual(8);
  });
});
