/** Tuning a copy of the embedded model for real, and what is written into its folder. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { autoregressive, dynamo, generate } from "@dynamo/decode";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testWorker, type TestWorker } from "../../test/worker.js";
import { scoreContinuations } from "../log-likelihood.js";
import { createMeter } from "./meter.js";
import { writeRecommendation } from "./generation-config.js";
import { isWithin, keyOf, type TuneSetting } from "./setting.js";
import { tune } from "./tune.js";
import { tunedText } from "./tuned-text.js";

let worker: TestWorker;
let folder: string;
let text: string;
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-tune-"));
  text = join(folder, "stories.txt");
  const stories = ["cat", "dog", "bird", "boy", "girl", "frog"].map(
    (who, i) => `Once there was a little ${who} who liked to play in the park with ${i + 2} good friends every day.`,
  );
  await writeFile(text, stories.join("<|endoftext|>"));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

const small = { documents: 6, maxNewTokens: 16 };

test("it searches all kinds of settings together, and judges what it found on prompts that it did not search with", async () => {
  const told: [number, number][] = [];
  const onTexts = (done: number, most: number): void => void told.push([done, most]);
  const outcome = await tune({ model: modelPath, text, tolerance: 1, ...small }, worker, { onTexts });
  const { trials, chosen, verified, frontier, settings } = outcome;
  const searched = trials.filter(({ prompts }) => prompts === "search");
  expect(new Set(searched.map(({ setting }) => keyOf(setting))).size).toBe(searched.length);
  expect(new Set(searched.map(({ setting: { strategy, joint } }) => `${strategy} ${joint ?? ""}`))).toEqual(
    new Set(["dynamo counts", "dynamo learned", "dynamo chain", "verified "]),
  );
  for (const { lossless, setting, gap } of searched) {
    expect(lossless).toBe(setting.strategy === "verified");
    if (lossless) expect(gap?.nats).toEqual({ value: 0, interval: null });
  }
  const held = trials.filter(({ prompts }) => prompts === "held-out");
  expect(held.map(({ count }) => count)).toEqual(held.map(() => 4));
  expect(settings).toMatchObject({ temperatures: [0.5, 0.6, 0.7], prompts: { search: 2, heldOut: 4 }, seeds: 1 });
  expect(held).toContainEqual(verified);
  const within = held.filter((trial) => isWithin(trial, 1)).map(({ speedup }) => speedup.value);
  expect(chosen?.speedup.value ?? null).toBe(within.length === 0 ? null : Math.max(...within));
  expect(frontier.map(({ temperature }) => temperature)).toEqual([0.3, 0.4, 0.52, 0.69, 0.91]);
  expect(tunedText(outcome)).toMatch(chosen === null ? /^Nothing is faster/ : /× one token per pass, gap /);
  // Each is told once, and there are no more than were announced.
  expect(told.map(([done]) => done)).toEqual(told.map((_, i) => i + 1));
  expect(told.length).toBeLessThanOrEqual(told[0]?.[1] ?? 0);
});

test("a setting's gap is what its texts and the base's say when they are written one by one", async () => {
  const model = await worker.model(modelPath);
  const prompts = ["Once upon a time", "One day, a dog", "Lily had a red ball", "The old tree"].map((each, i) => ({
    ...{ id: String(i), type: "all", text: each, chat: false },
  }));
  const setting: TuneSetting = { strategy: "dynamo", joint: "chain", temperature: 0.7, topK: 20, backoff: 0.4 };
  const [temperatures, maxNewTokens, topK] = [[0.4, 1.1], 40, 20];
  const make = (): ReturnType<typeof dynamo> => dynamo({ temperature: 0.7, topK, joint: "chain", backoff: 0.4 });
  const meter = createMeter({
    ...{ model, prompts, which: "search", seeds: [0], maxNewTokens, temperatures, topK, make },
    signal: worker.signal,
  });
  const [trial] = await meter.measure([setting], prompts.length);
  const strategies = [make(), ...temperatures.map((temperature) => autoregressive({ temperature, topK }))];
  const rows: { nats: number[]; variety: number; tokens: number; passes: number }[] = [];
  for (const strategy of strategies) {
    const [nats, pairs]: [number[], string[]] = [[], []];
    let [tokens, passes] = [0, 0];
    for (const { text: context } of prompts) {
      const result = await generate(model, context, { strategy, seed: 0, maxNewTokens });
      const [score] = await scoreContinuations(model, [{ context, continuation: result.text }]);
      nats.push(-(score?.logLikelihood ?? NaN) / (score?.tokens ?? NaN));
      const words = result.text.toLowerCase().match(/[\p{L}\p{N}'’]+|[^\s\p{L}\p{N}]/gu) ?? [];
      pairs.push(...words.slice(1).map((word, i) => `${words[i] ?? ""} ${word}`));
      tokens += result.statistics.tokens;
      passes += result.statistics.passes;
    }
    rows.push({ nats, variety: new Set(pairs).size / pairs.length, tokens, passes });
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
  const [own, cold, warm] = rows as [(typeof rows)[number], (typeof rows)[number], (typeof rows)[number]];
  const share = (own.variety - cold.variety) / (warm.variety - cold.variety);
  const expected = mean(own.nats) - ((1 - share) * mean(cold.nats) + share * mean(warm.nats));
  expect(trial?.variety).toBeCloseTo(own.variety, 9);
  expect(trial?.gap?.nats.value).toBeCloseTo(expected, 6);
  expect(trial?.tokensPerPass).toBeCloseTo(own.tokens / own.passes, 9);
  for (const [at, { nats }] of [cold, warm].entries()) expect(meter.frontier()[at]?.nats).toBeCloseTo(mean(nats), 6);
  expect(trial?.speedup.value).toBeGreaterThan(0);
});

test("options out of range, a model of one head, and too few prompts are refused", async () => {
  const refused = (options: object): Promise<unknown> => tune({ model: modelPath, text, ...small, ...options }, worker);
  await expect(refused({ tolerance: -1 })).rejects.toThrow("tolerance must be a number of at least 0, received -1");
  await expect(refused({ documents: 2 })).rejects.toThrow("documents must be a whole number of at least 4, received 2");
  await expect(refused({ seeds: 0 })).rejects.toThrow("seeds must be a whole number of at least 1, received 0");
  await expect(refused({ temperatures: [0] })).rejects.toThrow("a list of temperatures above 0");
  await expect(refused({ model: basePath })).rejects.toThrow("has one head: expected a model with token heads");
  await expect(refused({ text: undefined })).rejects.toThrow("expected either text or prompts, received neither");
  await expect(refused({ prompts: text })).rejects.toThrow("expected either text or prompts, received both");
  const short = join(folder, "short.txt");
  await writeFile(short, "Two words.");
  await expect(refused({ text: short })).rejects.toMatchObject({ code: "invalid-file" });
  const few = join(folder, "few.jsonl");
  await writeFile(few, '{"prompt":"One"}\n{"prompt":"Two"}');
  await expect(refused({ text: undefined, prompts: few })).rejects.toThrow("expected four prompts or more");
});

test("a stopped search says so", async () => {
  const stopping = new AbortController();
  const stopped = { ...worker, signal: stopping.signal };
  const run = tune({ model: modelPath, text, ...small }, stopped, {
    onTexts: (done) => {
      if (done === 3) stopping.abort();
    },
  });
  await expect(run).rejects.toMatchObject({ code: "aborted" });
});

const setting: TuneSetting = {
  ...{ strategy: "dynamo", joint: "counts", temperature: 0.6, topK: 10, backoff: 0.15, maskStrength: 0.75 },
};
const written = { strategy: "dynamo", joint: "counts", backoff: 0.15, mask_strength: 0.75 };

test("the recommendation is written, loaded again, and all else stays", async () => {
  const copy = join(folder, "model");
  await cp(modelPath, copy, { recursive: true });
  const before = JSON.parse(await readFile(join(copy, "generation_config.json"), "utf8")) as object;
  const path = await writeRecommendation(copy, setting);
  const after = JSON.parse(await readFile(path, "utf8")) as object;
  expect(after).toEqual({ ...before, temperature: 0.6, top_k: 10, dynamo: written });
  const { generation } = (await worker.model(copy)).info;
  expect(generation).toMatchObject(setting);
  // What verified does not have stays as it was.
  await writeRecommendation(copy, { strategy: "verified", temperature: 0.7, topK: 20 });
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({
    ...{ ...before, temperature: 0.7, top_k: 20, dynamo: { ...written, strategy: "verified" } },
  });
});

test("a file that is none is made, one that is no object is left as it is", async () => {
  const empty = join(folder, "empty");
  await mkdir(empty);
  const path = await writeRecommendation(empty, setting);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ temperature: 0.6, top_k: 10, dynamo: written });
  await writeFile(path, '{"do_sample":false}');
  await writeRecommendation(empty, setting);
  expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ do_sample: true, temperature: 0.6 });
  for (const content of ["[1]", "{", '{"dynamo":7}']) {
    await writeFile(path, content);
    await expect(writeRecommendation(empty, setting)).rejects.toMatchObject({ code: "invalid-file" });
    expect(await readFile(path, "utf8")).toBe(content);
  }
  const refused = { code: "invalid-argument" };
  await expect(writeRecommendation(join(folder, "nowhere"), setting)).rejects.toMatchObject(refused);
  await expect(writeRecommendation(empty, { ...setting, strategy: "plugin" })).rejects.toMatchObject(refused);
});
