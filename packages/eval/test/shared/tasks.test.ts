/** The published sets themselves: every row is a question, and there are as many as there should be. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { modelPath } from "@dynamo/stories";
import { expect, test } from "vitest";
import { builtInTask } from "../../src/tasks/built-in/index.js";
import { questionOf } from "../../src/tasks/task.js";
import { openFile, taskFiles } from "../../src/tasks/definition/task-files.js";
import { tasks } from "../../src/tasks/tasks.js";
import { runHere, testWorker } from "../worker.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const data = join(shared, "data", "eval");
const isHere = existsSync(data);
if (!isHere) process.stdout.write("skipped: the question sets of ../shared are not here\n");

const sets: readonly (readonly [task: string, path: string, documents: number])[] = [
  ["arc_easy", "mosaic/arc_easy.jsonl", 2376],
  ["arc_challenge", "mosaic/arc_challenge.jsonl", 1172],
  ["boolq", "mosaic/boolq.jsonl", 3270],
  ["copa", "mosaic/copa.jsonl", 100],
  ["hellaswag", "hellaswag_val.jsonl", 10042],
  ["openbookqa", "mosaic/openbook_qa.jsonl", 500],
  ["piqa", "piqa/valid.jsonl", 1838],
  ["winogrande", "mosaic/winogrande.jsonl", 1267],
  ["lambada", "mosaic/lambada_openai.jsonl", 5153],
  ["race", "race", 1045 + 362],
  ["triviaqa", "mosaic/triviaqa_sm_sub.jsonl", 3000],
  ["squad2", "squad2_dev_rebuilt.json", 11873],
  ["mmlu", "mmlu/test", 14042],
  ["truthfulqa_mc1", "TruthfulQA.csv", 817],
  ["truthfulqa_mc2", "TruthfulQA.csv", 817],
  ["crows_pairs", "crows_pairs_anonymized.csv", 1508],
];

test.skipIf(!isHere).each(sets)("%s reads all of %s", async (name, path, documents) => {
  const task = builtInTask(name);
  let count = 0;
  for (const file of await taskFiles(task, join(data, path), { fewShot: 0 })) {
    const opened = openFile(task, file);
    let inFile = 0;
    for await (const places of opened.places()) {
      const [first, last] = [places[0], places.at(-1)];
      if (first === undefined || last === undefined) continue;
      const rows = await opened.read({ line: first.line, from: first.from, to: last.to }, inFile);
      expect(rows).toHaveLength(places.length);
      for (const row of rows) questionOf(task, row);
      inFile += rows.length;
    }
    count += inFile;
  }
  expect(count).toBe(documents);
});

test.skipIf(!isHere)("the embedded model answers a few of each", async () => {
  const worker = await testWorker();
  try {
    const runs = sets.filter(([task]) => task !== "mmlu").map(([task, path]) => ({ task, data: join(data, path) }));
    const few = {
      task: "mmlu",
      data: join(data, "mmlu/test/anatomy_test.csv"),
      fewShot: 5,
      fewShotData: join(data, "mmlu/dev"),
    };
    const settings = { model: modelPath, tasks: [...runs, few], limit: 2, writing: { maxNewTokens: 8 } };
    const summary = await runHere(await tasks(settings), worker);
    for (const { documents, metrics } of summary.tasks) {
      expect(documents).toBeGreaterThanOrEqual(2);
      for (const { value } of Object.values(metrics)) expect(value).toBeGreaterThanOrEqual(0);
    }
    // RACE's articles are longer than the model's context.
    expect(summary.tasks.find(({ task }) => task === "race")?.truncated.documents).toBeGreaterThan(0);
  } finally {
    await worker.close();
  }
});
