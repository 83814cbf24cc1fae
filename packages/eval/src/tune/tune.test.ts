/** Tuning a copy of the embedded model for real, and what is written into its folder. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testWorker, type TestWorker } from "../../test/worker.js";
import { isWithin, type Trial } from "./choose.js";
import { writeRecommendation } from "./generation-config.js";
import { tune } from "./tune.js";

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

const small = { documents: 4, seeds: 1, maxNewTokens: 16 };

test("it tries every stage, and what it chooses is within the tolerance on prompts it did not search with", async () => {
  const seen: Trial[] = [];
  const onTrial = (trial: Trial): void => void seen.push(trial);
  const { trials, chosen } = await tune({ model: modelPath, text, tolerance: 1, ...small }, worker, { onTrial });
  expect(seen).toEqual(trials);
  const search = trials.filter(({ prompts }) => prompts === "search");
  expect(search.length).toBeGreaterThanOrEqual(9 + 5 + 1);
  expect(new Set(search.map(({ setting }) => JSON.stringify(setting))).size).toBe(search.length);
  for (const { tokensPerPass, setting } of search) {
    expect(tokensPerPass).toBeGreaterThanOrEqual(1);
    expect(setting.topK).toBeGreaterThanOrEqual(10);
  }
  const held = trials.filter(({ prompts }) => prompts === "held-out");
  if (chosen === null) for (const trial of held) expect(isWithin(trial, 1)).toBe(false);
  else expect([held.at(-1), isWithin(chosen, 1)]).toEqual([chosen, true]);
});

test("options out of range, a model of one head, and a text of too few documents are refused", async () => {
  const refused = (options: object): Promise<unknown> => tune({ model: modelPath, text, ...small, ...options }, worker);
  await expect(refused({ tolerance: 2 })).rejects.toThrow("tolerance must be a number from 0 to 1, received 2");
  await expect(refused({ documents: 2 })).rejects.toThrow("documents must be a whole number of at least 4, received 2");
  await expect(refused({ seeds: 0 })).rejects.toThrow("seeds must be a whole number of at least 1, received 0");
  await expect(refused({ model: basePath })).rejects.toThrow("has one head: expected a model with token heads");
  const short = join(folder, "short.txt");
  await writeFile(short, "Two words.");
  await expect(refused({ text: short })).rejects.toMatchObject({ code: "invalid-file" });
});

const setting = { backoff: 0.15, maskStrength: 0.75, topK: 10 };

test("the recommendation is written, loaded again, and all else stays", async () => {
  const copy = join(folder, "model");
  await cp(modelPath, copy, { recursive: true });
  const before = JSON.parse(await readFile(join(copy, "generation_config.json"), "utf8")) as object;
  const path = await writeRecommendation(copy, setting);
  const after = JSON.parse(await readFile(path, "utf8")) as object;
  expect(after).toEqual({ ...before, top_k: 10, dynamo: { backoff: 0.15, mask_strength: 0.75 } });
  expect((await worker.model(copy)).info.generation).toMatchObject(setting);
});

test("a file that is none is made, one that is no object is left as it is", async () => {
  const empty = join(folder, "empty");
  await mkdir(empty);
  const path = await writeRecommendation(empty, setting);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({
    top_k: 10,
    dynamo: { backoff: 0.15, mask_strength: 0.75 },
  });
  for (const content of ["[1]", "{", '{"dynamo":7}']) {
    await writeFile(path, content);
    await expect(writeRecommendation(empty, setting)).rejects.toMatchObject({ code: "invalid-file" });
    expect(await readFile(path, "utf8")).toBe(content);
  }
  await expect(writeRecommendation(join(folder, "nowhere"), setting)).rejects.toMatchObject({
    code: "invalid-argument",
  });
});
