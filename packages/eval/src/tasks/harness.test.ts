/** Every task against lm-evaluation-harness itself: what it asks, with examples, and how it scores (__fixtures__/harness.py). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInTask } from "./built-in/index.js";
import { openDocuments } from "./definition/document-file.js";
import { examplesOf } from "./few-shot.js";
import { askQuestion, questionMetrics } from "./definition/kinds.js";
import { questionOf } from "./task.js";

interface Asked {
  readonly requests: readonly (readonly [context: string, continuation: string])[];
  readonly prompts: readonly string[];
  readonly scores: readonly (readonly [logLikelihood: number, greedy: boolean])[];
  readonly written: string;
  readonly metrics: Readonly<Record<string, number>>;
}

interface Case {
  readonly task: string;
  readonly fewShot: number;
  readonly rows: readonly unknown[];
  /** null: the examples are of the rows' own file. */
  readonly shots: readonly unknown[] | null;
  readonly asked: readonly Asked[];
}

const cases = JSON.parse(readFileSync(new URL("__fixtures__/harness.json", import.meta.url), "utf8")) as Case[];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-harness-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test.each(cases)("$task", async ({ task: name, fewShot, rows, shots, asked }) => {
  const task = builtInTask(name);
  const path = join(folder, `${name}.jsonl`);
  writeFileSync(path, (shots ?? rows).map((row) => JSON.stringify(row)).join("\n"));
  const examples = examplesOf(task, openDocuments(path), { count: fewShot, seed: 1234, own: shots === null });
  expect(asked).toHaveLength(6);
  for (const [i, { requests, prompts, scores, written, metrics }] of asked.entries()) {
    const question = questionOf(task, { where: `${name}:${i + 1}`, value: rows[i] });
    const preamble = (task.description?.("abstract_algebra") ?? "") + (await examples(i));
    const put = askQuestion(question, preamble, task.delimiter);
    expect(put.requests.map(({ context, continuation }) => [context, continuation])).toEqual(requests);
    expect(put.prompt === undefined ? [] : [put.prompt]).toEqual(prompts);
    const judged = questionMetrics(question, {
      written,
      scores: scores.map(([logLikelihood, greedy]) => ({ logLikelihood, greedy, tokens: 1, truncated: 0 })),
    });
    for (const [metric, value] of Object.entries(metrics))
      // What its code calls acc_norm goes by characters.
      expect(judged[metric === "acc_norm" ? "acc_norm_characters" : metric]).toBeCloseTo(value, 12);
  }
});
