/** Comparisons of the embedded model: overheads from passes that were made, texts that generate() writes, groups beside bases. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate, speculative, verified } from "@dynamo/decode";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { passFlops, readModelGraph } from "../flops/flops.js";
import { runHere, testWorker, type TestWorker } from "../../test/worker.js";
import { ablation } from "./ablation.js";
import { architectures } from "./architectures.js";
import { compare } from "./compare.js";
import type { ComparisonResult } from "./comparison-result.js";

let worker: TestWorker;
let folder: string;
let questions: string;
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-compare-"));
  questions = join(folder, "prompts.jsonl");
  const prompts = ["Once upon a time", "He wanted to play, but", "Will you"];
  await writeFile(questions, prompts.map((prompt) => JSON.stringify({ prompt })).join("\n"));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

const short = { seeds: [0, 1], maxNewTokens: 16, stopAtEndOfText: false };

test("the four strategies side by side: verified and speculative cost more and keep the base's quality", async () => {
  const evaluation = await compare({
    ...short,
    model: modelPath,
    draft: basePath,
    questions,
    backoffs: [0, 1],
    drafts: [3],
  });
  const summary = await runHere(evaluation, worker);
  const [group] = summary.groups;
  const [base, all, one, checked, drafted] = group?.rows ?? [];
  expect(base).toMatchObject({ way: null, tokens: 96, passes: 96, tokensPerPass: 1, speedup: null, flopsOverhead: 0 });
  expect(all).toMatchObject({ way: { strategy: "dynamo", backoff: 0 }, tokens: 96 });
  expect(all?.tokensPerPass).toBeGreaterThan(2);
  expect(one?.tokensPerPass).toBe(1);
  // At ε_b 1 the heads run in every pass for nothing.
  expect(one?.flopsOverhead).toBeGreaterThan(0.3);
  expect(one?.difference?.value).toBeCloseTo(0, 1);
  expect(checked?.flopsOverhead).toBeGreaterThan(one?.flopsOverhead ?? Infinity);
  expect(checked?.tokensPerPass).toBeGreaterThan(1.1);
  // Four tokens at most for three of the base's passes, each at its full price, and a judge's pass over four.
  expect(drafted?.flopsOverhead).toBeGreaterThan(0.5);
  expect(drafted?.orders).toHaveLength(4);
  for (const row of group?.rows.slice(1) ?? []) {
    expect(row.speedup?.interval?.[1]).toBeGreaterThan(row.speedup?.value ?? Infinity);
    expect(row.logLikelihood?.value).toBeLessThan(0);
  }
});

test("a way's texts are those that generate() writes, and a job's depend on the job alone", async () => {
  const evaluation = await compare({ ...short, model: modelPath, draft: basePath, questions, drafts: [3] });
  const jobs = [...(evaluation.jobs(worker) as Iterable<{ group: number; prompt: number }>)];
  expect(jobs).toEqual([0, 1, 2].map((prompt) => ({ group: 0, prompt })));
  const timeless = ({ written }: ComparisonResult): unknown => written.map(({ seconds: _, ...rest }) => rest);
  const first = await evaluation.run({ group: 0, prompt: 1 }, worker);
  await evaluation.run({ group: 0, prompt: 0 }, worker);
  expect(timeless(await evaluation.run({ group: 0, prompt: 1 }, worker))).toEqual(timeless(first));
  const [model, base] = [await worker.model(modelPath), await worker.model(basePath)];
  const own = { seed: 1, maxNewTokens: 16, stopAtEndOfText: false };
  const draftedBy = speculative({ draftModel: base, drafts: 3 });
  for (const [row, strategy] of [
    [2, verified()],
    [3, draftedBy],
  ] as const) {
    const text = await generate(model, "He wanted to play, but", { ...own, strategy });
    expect(first.written[row]?.texts.find(({ seed }) => seed === 1)?.text).toBe(text.text);
  }
});

test("operations are those of the passes that were made", async () => {
  const one = { ...short, seeds: [0], maxNewTokens: 3 };
  const evaluation = await compare({ ...one, model: modelPath, questions, backoffs: [0] });
  const { written } = await evaluation.run({ group: 0, prompt: 2 }, worker);
  const [model, graph] = [await worker.model(modelPath), await readModelGraph(modelPath, "q8")];
  const asked = model.tokenizer.encode("Will you").length + (model.info.beginOfTextId === undefined ? 0 : 1);
  const pass = (newPositions: number, past: number, allHeads: boolean): number =>
    passFlops(graph, { newPositions, past, allHeads });
  const base = pass(asked, 0, false) + pass(1, asked, false) + pass(1, asked + 1, false);
  expect(written[0]?.flops).toBe(base);
  // Three tokens from the prompt's pass.
  expect(written[1]?.flops).toBe(pass(asked, 0, true));
});

test("the ablation has every mask strength with and without Otsu's threshold and the blur, and the other joints, a group for each ε_b", async () => {
  const evaluation = await ablation({
    ...short,
    seeds: [0],
    model: modelPath,
    questions,
    backoffs: [0.3, 0.6],
    maskStrengths: [1, 0],
  });
  const { groups } = await runHere(evaluation, worker);
  expect(groups.map(({ rows }) => rows.length)).toEqual([9, 9]);
  expect(groups[1]?.rows[6]?.way).toEqual({
    strategy: "dynamo",
    joint: "counts",
    backoff: 0.6,
    maskStrength: 0,
    adaptive: false,
    blur: false,
  });
  expect(
    groups[0]?.rows.slice(1).every(({ speedup, logLikelihood }) => speedup !== null && logLikelihood !== null),
  ).toBe(true);
});

test("architectures: parameters, overheads, perplexities and speed-ups of each folder", async () => {
  const text = join(folder, "text.txt");
  await writeFile(text, "Once upon a time there was a little dog. He ran to the park and played with a ball.");
  const evaluation = await architectures({
    ...short,
    models: [modelPath, basePath],
    questions,
    source: { text },
    backoff: 0.2,
  });
  const { models } = await runHere(evaluation, worker);
  const [heads, base] = models;
  expect([heads?.tokenHeads, base?.tokenHeads]).toEqual([3, 1]);
  expect(base).toMatchObject({ parameterOverhead: 0, flopsOverhead: 0 });
  expect(heads?.parameters).toBeCloseTo((base?.parameters ?? 0) * (1 + (heads?.parameterOverhead ?? 0)), 0);
  expect(Object.keys(heads?.perplexity?.ppl ?? {})).toEqual(expect.arrayContaining(["1", "2", "3", "1:2", "1:3"]));
  expect(base?.perplexity?.ppl["1"]).toBeGreaterThan(1);
  expect(heads?.dynamo.tokensPerPass).toBeGreaterThan(1.2);
  expect(base?.dynamo.tokensPerPass).toBe(1);
});

test("what cannot be compared is refused before the first job", async () => {
  const { comparison } = await import("./comparison.js");
  const group = { model: modelPath, ways: [{ strategy: "speculative" as const }] };
  await expect(comparison("compare", [group], {})).rejects.toThrow("needs a draft model");
  await expect(compare({ model: modelPath, backoffs: [2] })).rejects.toThrow(
    "backoffs must be a list of ε_b, each a number from 0 to 1",
  );
  await expect(compare({ model: modelPath, seeds: [] })).rejects.toThrow("seeds must be different seeds, at least one");
  await expect(architectures({ models: [] })).rejects.toThrow("models must be a list of model folders, at least one");
});
