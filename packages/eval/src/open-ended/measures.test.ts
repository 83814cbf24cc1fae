/** Measures without a judge: by hand, by properties, and of the embedded model's own texts. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runHere, testWorker, type TestWorker } from "../../test/worker.js";
import { completions } from "./completions.js";
import { areaUnderCurve, divergenceScore } from "./divergence.js";
import { measures } from "./measures.js";
import { readRealTexts } from "./real-texts.js";
import { distinct, repetition } from "./repetition.js";
import { wordsOf } from "./words.js";

let worker: TestWorker;
let folder: string;
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-measures-"));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

describe("repetition and diversity", () => {
  test("are counted in words", () => {
    expect(wordsOf("Don’t STOP, Ægir: 3 x 3!")).toEqual(["don’t", "stop", ",", "ægir", ":", "3", "x", "3", "!"]);
    expect(wordsOf("  ")).toEqual([]);
  });
  test("of a hand-counted text", () => {
    const words = wordsOf("the cat and the cat and the dog");
    // the cat, cat and, and the, the cat, cat and, and the, the dog: four different ones of seven
    expect(repetition(words, 2)).toBeCloseTo(3 / 7, 12);
    expect(repetition(words, 8)).toBe(0);
    expect(repetition(words, 9)).toBeNull();
    expect(distinct([wordsOf("a b a"), wordsOf("a c")], 1)).toBe(3 / 5);
    expect(distinct([["a"], []], 2)).toBeNull();
  });
});

describe("the MAUVE-style divergence", () => {
  const histogram = fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 })
    .filter((counts) => counts.some((count) => count > 0))
    .map((counts) => counts.map((count) => count / counts.reduce((a, b) => a + b)));
  test("is 1 for equal histograms, symmetric, and in (0, 1]", () => {
    fc.assert(
      fc.property(histogram, histogram, (p, q) => {
        const area = areaUnderCurve(p, q);
        expect(areaUnderCurve(p, p)).toBeCloseTo(1, 9);
        expect(area).toBeCloseTo(areaUnderCurve(q, p), 9);
        expect(area).toBeGreaterThan(0);
        expect(area).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });
  test("of disjoint histograms is MAUVE's least, 0.0041 at a scaling of 5", () => {
    // ∫ of the curve x = (1-λ)^5, y = λ^5 over 25 mixtures
    expect(areaUnderCurve([1, 0], [0, 1])).toBeCloseTo(0.00407, 4);
  });
  test("tells texts of the same kind from others, and is the same from the same seed", () => {
    const story = (i: number): string =>
      `The ${["cat", "dog", "girl", "boy"][i % 4]} went to the park and was ${["sad", "happy", "glad"][i % 3]}.`;
    const law = (i: number): string => `Pursuant to section ${i}, the parties shall indemnify each other hereunder.`;
    const of = (make: (i: number) => string, from: number): string[] =>
      Array.from({ length: 60 }, (_, i) => make(from + i));
    const same = divergenceScore(of(story, 0), of(story, 60)) ?? 0;
    const other = divergenceScore(of(law, 0), of(story, 60)) ?? 1;
    const half = divergenceScore([...of(law, 0).slice(30), ...of(story, 0).slice(30)], of(story, 60)) ?? 0;
    expect(same).toBeGreaterThan(0.9);
    expect(other).toBeLessThan(0.01);
    expect(half).toBeGreaterThan(other);
    expect(half).toBeLessThan(same);
    expect(divergenceScore(of(story, 0), of(story, 60))).toBe(same);
    expect(divergenceScore(of(story, 0).slice(21), of(story, 60))).toBeNull();
  });
});

test("real texts are so many words behind a document's first six, drawn from the whole file", async () => {
  const file = join(folder, "real.txt");
  const documents = Array.from({ length: 40 }, (_, i) => `a b c d e f one${i}  two\nthree four`);
  await writeFile(file, [...documents, "too short to be one of them"].join("\n<|endoftext|>\n"));
  const { signal } = worker;
  const texts = await readRealTexts(file, { count: 10, words: 3, seed: 1, signal });
  expect(texts).toHaveLength(10);
  expect(new Set(texts).size).toBe(10);
  for (const { context, text } of texts) expect(context + text).toMatch(/^a b c d e f one\d+ {2}two\nthree$/);
  expect(texts[0]?.context).toBe("a b c d e f");
  expect(Math.max(...texts.map(({ text }) => Number(/\d+/.exec(text)?.[0])))).toBeGreaterThan(20);
  expect(await readRealTexts(file, { count: 10, words: 3, seed: 1, signal })).toEqual(texts);
  await expect(readRealTexts(file, { count: 5, words: 50, seed: 1, signal })).rejects.toThrow("56 words");
});

test("of texts that the embedded model wrote, under its base: a care for speed is seen", async () => {
  const settings = [
    ...[0, 0.7].map((backoff) => ({ strategy: "dynamo" as const, backoff, maskStrength: 0 })),
    ...[0.3, 1.2].map((temperature) => ({ strategy: "autoregressive" as const, temperature })),
  ];
  const written = await completions({
    model: modelPath,
    settings,
    seeds: [0, 1, 2, 3],
    timedSeeds: 1,
    maxNewTokens: 20,
  });
  const summary = await runHere(written, worker);
  const texts = join(folder, "texts.json");
  await writeFile(texts, JSON.stringify({ kind: "completions", settings: written.settings, summary }));
  const real = join(folder, "stories.txt");
  const story = "One day a little girl named Lily went to the park with her mom and her dog. They saw a big ball.";
  await writeFile(real, new Array(45).fill(`${story} ${story}`).join("<|endoftext|>"));
  const measured = await runHere(await measures({ texts, scorer: basePath, real }), worker);
  const [reckless, careful, cold, hot] = measured.settings;
  expect(cold?.logLikelihood?.value).toBeGreaterThan(hot?.logLikelihood?.value ?? Infinity);
  expect([reckless?.gaps["distinct-2"]?.nats.value, reckless?.gaps.divergence?.nats.value]).toEqual([
    expect.any(Number),
    expect.any(Number),
  ]);
  expect([cold?.gaps, hot?.gaps]).toEqual(new Array(2).fill({ "distinct-2": null, divergence: null }));
  expect(measured.sameQuality.frontier?.line.points).toBe(2);
  expect(measured.base?.logLikelihood?.value).toBeLessThan(0);
  expect(reckless?.logLikelihood?.value).toBeLessThan(measured.base?.logLikelihood?.value ?? -Infinity);
  expect(careful?.logLikelihood?.value).toBeGreaterThan(reckless?.logLikelihood?.value ?? Infinity);
  expect(measured.sameQuality.logLikelihood?.level).toBe(measured.base?.logLikelihood?.value);
  expect(measured.sameQuality["distinct-2"]?.level).toBe(measured.base?.distinct["2"]);
  expect(measured.sameQuality.divergence?.level).toBe(measured.base?.divergence);
  expect(measured.real).toMatchObject({
    distinct: { "1": expect.any(Number) },
    logLikelihood: { value: expect.any(Number) },
  });
  expect(Object.keys(measured.sameQualityByType)).toHaveLength(7);
  for (const each of measured.settings) {
    expect(each.distinct["2"]).toBeGreaterThan(0);
    expect(each.repetition["2"]?.value).toBeGreaterThanOrEqual(0);
    expect(each.divergence).toBeGreaterThan(0);
    expect(each.byType["exclamatory"]?.logLikelihood?.interval).not.toBeNull();
  }
  const alone = await runHere(await measures({ texts }), worker);
  expect(alone.base).toMatchObject({ logLikelihood: null, divergence: null });
  expect([alone.real, alone.sameQuality.logLikelihood]).toEqual([null, null]);
  expect(alone.base?.distinct).toEqual(measured.base?.distinct);
  await expect(measures({ texts: real })).rejects.toMatchObject({ code: "invalid-file" });
  await expect(measures({ texts, real: join(folder, "none") })).rejects.toMatchObject({ code: "not-found" });
});
