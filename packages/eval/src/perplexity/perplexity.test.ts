/** Perplexities of the embedded model against an independent computation from its whole logits, in float64. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Candidates, LanguageModel } from "@dynamo/core";
import type { LoadedModel } from "@dynamo/model";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runHere, testWorker, type TestWorker } from "../../test/worker.js";
import { perplexity } from "./perplexity.js";

const documents = [
  "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.",
  "Tom had a red ball. One day, the ball rolled into the pond and Tom was sad.",
  "The sun was hot.",
];

let worker: TestWorker;
let folder: string;
let text: string;
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-perplexity-"));
  text = join(folder, "text.txt");
  await writeFile(text, documents.join("\n<|endoftext|>\n"));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

const logProbability = (logits: Float32Array, token: number): number => {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return (logits[token] ?? NaN) - most - Math.log(sum);
};

/** [position][head] of -log p, undefined behind the end; one document by itself. */
async function reference(model: LanguageModel, tokens: readonly number[]): Promise<number[][]> {
  const { tokenHeads, vocabularySize } = model.info;
  const cache = await model.createCache({ rows: 1 });
  const fed = tokens.slice(0, -1);
  const options = { heads: tokenHeads, topK: 1, logits: true };
  const { logits } = await model.forward(cache, [{ tokens: fed, positions: fed.length }], options);
  await cache.dispose();
  return fed.map((_, t) =>
    tokens.slice(t + 1, t + 1 + tokenHeads).map((target, head) => {
      const at = (t * tokenHeads + head) * vocabularySize;
      return -logProbability((logits?.data ?? new Float32Array()).subarray(at, at + vocabularySize), target);
    }),
  );
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test("PPL_n and PPL_1:n are means over the positions whose n targets exist", async () => {
  const model = await worker.model(modelPath);
  const begin = model.info.beginOfTextId ?? 0;
  const scores: number[][] = [];
  for (const each of documents) scores.push(...(await reference(model, [begin, ...model.tokenizer.encode(each)])));
  const { ppl, positions, standardErrors, windows } = await runHere(
    await perplexity({ model: modelPath, source: { text } }),
    worker,
  );
  expect(Object.keys(ppl).sort()).toEqual(["1", "1:2", "1:3", "2", "2|1", "3", "3|1,2", "chain:2", "chain:3"]);
  expect(windows).toBe(documents.length);
  for (const n of [1, 2, 3]) {
    const whole = scores.filter((own) => own.length >= n);
    expect(ppl[String(n)]).toBeCloseTo(Math.exp(mean(whole.map((own) => own[n - 1] ?? NaN))), 3);
    expect(positions[String(n)]).toBe(whole.length);
    if (n === 1) continue;
    expect(ppl[`1:${n}`]).toBeCloseTo(Math.exp(mean(whole.flatMap((own) => own.slice(0, n)))), 3);
  }
  expect(standardErrors["1"]).toBeGreaterThan(0);
});

/** The model without its conditional parts: then its counts speak. */
const withoutParts = (model: LoadedModel): LoadedModel => ({
  ...model,
  async forward(cache, feeds, options) {
    const result = await model.forward(cache, feeds, options);
    const plain = ({ conditional: _, ...candidates }: Candidates): Candidates => candidates;
    return { ...result, candidates: result.candidates.map((row) => row.map((heads) => heads.map(plain))) };
  },
});

test.each(["by the model's parts", "by its counts"] as const)(
  "conditional perplexities are of the heads behind the true tokens, %s; their chain is a joint",
  async (kind) => {
    const loaded = await worker.model(modelPath);
    const model = kind === "by its counts" ? withoutParts(loaded) : loaded;
    const told: TestWorker = { ...worker, model: () => Promise.resolve(model) };
    const { tokenHeads, vocabularySize, beginOfTextId = 0 } = model.info;
    const rows: number[][] = [];
    for (const each of documents) {
      const tokens = [beginOfTextId, ...model.tokenizer.encode(each)];
      const fed = tokens.slice(0, -1);
      const cache = await model.createCache({ rows: 1 });
      const options = { heads: tokenHeads, topK: 1, logits: true };
      const { logits, candidates } = await model.forward(cache, [{ tokens: fed, positions: fed.length }], options);
      await cache.dispose();
      for (const t of fed.keys()) {
        const targets = tokens.slice(t + 1, t + 1 + tokenHeads);
        const own = targets.map((target, head) => {
          const at = (t * tokenHeads + head) * vocabularySize;
          const scores = (logits?.data ?? new Float32Array()).slice(at, at + vocabularySize);
          const part = candidates[0]?.[t]?.[head]?.conditional;
          part?.addBehind(targets.slice(0, head), undefined, scores);
          const lifts = new Float64Array(vocabularySize).fill(1);
          if (head > 0 && part === undefined) model.cooccurrence?.lifts(targets.slice(0, head), undefined, lifts);
          return -logProbability(
            scores.map((score, id) => score + 0.7 * Math.log(lifts[id] ?? NaN)),
            target,
          );
        });
        rows.push(own);
      }
    }
    const { ppl, positions } = await runHere(await perplexity({ model: modelPath, source: { text } }), told);
    for (const [n, name] of [
      [2, "2|1"],
      [3, "3|1,2"],
    ] as const) {
      const whole = rows.filter((own) => own.length >= n);
      expect(ppl[name]).toBeCloseTo(Math.exp(mean(whole.map((own) => own[n - 1] ?? NaN))), 3);
      expect(ppl[`chain:${n}`]).toBeCloseTo(Math.exp(mean(whole.flatMap((own) => own.slice(0, n)))), 3);
      expect([positions[name], positions[`chain:${n}`]]).toEqual([whole.length, whole.length]);
      expect(ppl[name]).toBeLessThan(ppl[String(n)] ?? 0);
    }
  },
);

test("token files are taken as they are; rows and windows are independent of how they are batched", async () => {
  const rows = [
    [5, 300, 301, 77, 9, 12, 400, 18, 33],
    [88, 9, 10, 11],
  ];
  const tokens = join(folder, "tokens.json");
  await writeFile(tokens, JSON.stringify({ tokens: rows }));
  const model = await worker.model(modelPath);
  const scores = [...(await reference(model, rows[0] ?? [])), ...(await reference(model, rows[1] ?? []))];
  const { ppl } = await runHere(await perplexity({ model: modelPath, source: { tokens } }), worker);
  expect(ppl["3"]).toBeCloseTo(Math.exp(mean(scores.flatMap((own) => own.slice(2)))), 1);
  expect(Math.abs((ppl["3"] ?? NaN) / Math.exp(mean(scores.flatMap((own) => own.slice(2)))) - 1)).toBeLessThan(1e-4);
});

test("strided windows see more of the text than disjoint ones, and score as many positions", async () => {
  const settings = { model: modelPath, source: { text }, window: 8 };
  const disjoint = await runHere(await perplexity(settings), worker);
  const strided = await runHere(await perplexity({ ...settings, stride: 2 }), worker);
  const whole = await runHere(await perplexity({ model: modelPath, source: { text } }), worker);
  expect(strided.positions).toEqual(whole.positions);
  expect(disjoint.positions).toEqual(whole.positions);
  expect(strided.ppl["1"]).toBeLessThan(disjoint.ppl["1"] ?? 0);
});

test("a walk at ε_b = 1 is PPL_1, at 0 it takes all heads at once; between them orders vary", async () => {
  const backoffs = [0, 0.8, 1];
  const summary = await runHere(await perplexity({ model: modelPath, source: { text }, backoffs }), worker);
  const [none, some, all] = summary.walks ?? [];
  expect(all?.perplexity).toBeCloseTo(summary.ppl["1"] ?? NaN, 6);
  expect(all?.tokensPerPass).toBe(1);
  expect(none?.tokensPerPass).toBeGreaterThan(2.5);
  expect(none?.perplexity).toBeGreaterThan(all?.perplexity ?? Infinity);
  expect(some?.tokensPerPass).toBeGreaterThan(1);
  expect(some?.tokensPerPass).toBeLessThan(none?.tokensPerPass ?? 0);
});

test("the mask sharpens the joint where it has seen the words", async () => {
  const { masked } = await runHere(await perplexity({ model: modelPath, source: { text }, mask: true }), worker);
  const pairs = masked?.["1:2"];
  expect(pairs?.coverage).toBeGreaterThan(0.3);
  expect(pairs?.coverage).toBeLessThan(1);
  expect(pairs?.masked).toBeLessThan(pairs?.product ?? 0);
});

test("a model of one head has PPL_1 alone", async () => {
  const { ppl } = await runHere(await perplexity({ model: basePath, source: { text }, mask: true }), worker);
  expect(Object.keys(ppl)).toEqual(["1"]);
});

test("bad input is refused with what was expected", async () => {
  const run = async (settings: object): Promise<unknown> =>
    runHere(await perplexity({ model: modelPath, source: { text }, ...settings }), worker);
  await expect(run({ source: { text: join(folder, "nothing.txt") } })).rejects.toMatchObject({ code: "not-found" });
  await expect(run({ window: 4096 })).rejects.toThrow("window must be a whole number from 1 to 512, received 4096");
  await expect(run({ window: 8, stride: 9 })).rejects.toThrow("stride must be a whole number from 1 to 8");
  const bad = join(folder, "bad.json");
  await writeFile(bad, '{"tokens": [["a"]]}');
  await expect(run({ source: { tokens: bad } })).rejects.toMatchObject({ code: "invalid-file" });
  await writeFile(bad, "");
  await expect(run({ source: { text: bad } })).rejects.toThrow("has no document");
});
