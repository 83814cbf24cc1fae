/** A strategy from a module outside the repository in a comparison and in tuning. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runHere, testWorker, type TestWorker } from "../../test/worker.js";
import { wayText } from "../report/words.js";
import { tune } from "../tune/tune.js";
import { compare } from "./compare.js";

let worker: TestWorker;
let folder: string;
let module: string;
let questions: string;
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-plugin-"));
  [module, questions] = [join(folder, "first.mjs"), join(folder, "prompts.jsonl")];
  // As many heads' likeliest tokens as it is told.
  await writeFile(
    module,
    "export default ({ take = 1, ...rest }) => { if (take > 3) throw new RangeError('take: at most 3'); return { name: 'first', heads: take, step: ({ positions: [heads] }) => ({ tokens: heads.slice(0, take).map(({ ids }) => ids[0]), trace: rest }) } };",
  );
  await writeFile(questions, JSON.stringify({ prompt: "Once upon a time" }));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

test("a comparison has a row of it, by its name and options, and its settings have its hash", async () => {
  const short = { seeds: [0], maxNewTokens: 12, stopAtEndOfText: false, model: modelPath, questions };
  const evaluation = await compare({ ...short, plugin: { module, options: { take: 3 } } });
  expect(evaluation.settings["plugins"]).toEqual({ [module]: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const { groups } = await runHere(evaluation, worker);
  const row = groups[0]?.rows.at(-1);
  expect(row).toMatchObject({ tokens: 12, passes: 4, tokensPerPass: 3 });
  expect(wayText(row?.way ?? null)).toBe("first.mjs, take 3");
  await expect(compare({ ...short, plugin: { module, options: { take: 4 } } })).rejects.toMatchObject({
    code: "strategy",
    message: `${module} failed while making its strategy: take: at most 3`,
  });
  await expect(compare({ ...short, plugin: { module: join(folder, "no.mjs") } })).rejects.toMatchObject({
    code: "not-found",
  });
});

test("tuning refuses it before anything is measured where it cannot be made", async () => {
  const text = join(folder, "text.txt");
  await writeFile(text, "");
  const settings = { model: modelPath, text, plugin: { module, options: { take: 9 } } };
  await expect(tune(settings, worker)).rejects.toThrow(/take: at most 3/);
});
