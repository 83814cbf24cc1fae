/** Tasks from their files to scores, on the embedded model. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runHere, testWorker, type TestWorker } from "../../test/worker.js";
import type { Evaluation } from "../evaluation.js";
import { runEvaluation } from "../jobs/run-evaluation.js";
import { scoreContinuations } from "../log-likelihood.js";
import type { TasksSummary } from "./summary.js";
import { tasks, type TaskRun, type TasksSettings } from "./tasks.js";

let folder: string;
let worker: TestWorker;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-tasks-"));
  worker = await testWorker();
});
afterAll(async () => {
  await worker.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, ...rows: readonly (object | string)[]): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n"));
  return path;
}

type Options = Omit<TasksSettings, "model" | "tasks">;
const evaluationOf = (run: TaskRun, options: Options = {}): ReturnType<typeof tasks> =>
  tasks({ model: modelPath, tasks: [run], ...options });
async function summaryOf(run: TaskRun, options?: Options): Promise<TasksSummary["tasks"][number]> {
  const { tasks: all } = await runHere(await evaluationOf(run, options), worker);
  return all[0] as TasksSummary["tasks"][number];
}

const story = (i: number): object => ({
  query: `Once upon a time, there was a little girl named Lily. She had ${i} toys and loved to play`,
  choices: ["with them all day.", "xylophone quantum ledger.", "the."],
  gold: i % 2,
});

test("choices: scores are those of the texts themselves", async () => {
  const rows = Array.from({ length: 40 }, (_, i) => story(i));
  const data = write("stories.jsonl", ...rows);
  const { documents, metrics, truncated, fewShot } = await summaryOf({ task: "openbookqa", data });
  expect({ documents, truncated, fewShot }).toEqual({
    documents: 40,
    truncated: { documents: 0, tokens: 0 },
    fewShot: 0,
  });
  // The first choice is likeliest in every row, and right in every other one.
  expect(metrics["acc"]?.value).toBe(0.5);
  expect(metrics["acc"]?.standardError).toBeCloseTo(Math.sqrt(0.25 / 39), 12);
  expect(Object.keys(metrics)).toEqual(["acc", "acc_norm", "acc_norm_characters"]);
  const [one] = await scoreContinuations(await worker.model(modelPath), [
    { context: "Once upon a time", continuation: " there was" },
  ]);
  const word = { task: "lambada", data: write("words.jsonl", { text: "Once upon a time there was" }) };
  const { metrics: scored } = await summaryOf(word);
  const [two] = await scoreContinuations(await worker.model(modelPath), [
    { context: "Once upon a time there", continuation: " was" },
  ]);
  expect(one?.tokens).toBeGreaterThan(1);
  expect(scored["perplexity"]).toEqual({ value: Math.exp(-(two?.logLikelihood ?? 0)), standardError: null });
  expect(scored["acc"]?.value).toBe(Number(two?.greedy));
});

test("every task from its file to scores", async () => {
  const pairs = [
    '"",sent_more,sent_less,bias_type',
    '0,"The girl, she ran.",Quantum ran.,gender',
    "1,Xx yy,She ran.,age",
  ];
  const truths = ["\uFEFFQuestion,Best Answer,Correct Answers,Incorrect Answers", "Why?,Sun,Sun; Rain,Moon; Stars"];
  const question = { question: "Who?", id: "1", answers: [{ text: "Lily", answer_start: 0 }], is_impossible: false };
  const without = { question: "When?", id: "2", answers: [], is_impossible: true };
  const squad = {
    version: "v2.0",
    data: [{ title: "T", paragraphs: [{ context: "Lily ran.", qas: [question, without] }] }],
  };
  const csv = write("truths.csv", ...truths);
  const race = {
    article: "Lily ran.",
    questions: ["Who ran?"],
    options: [["Lily", "a", "b", "c"]],
    answers: ["A"],
    id: "x",
  };
  const files: Record<string, string> = {
    arc_easy: write("a.jsonl", { question: "Q", choices: { text: ["a", "b"], label: ["A", "B"] }, answerKey: "A" }),
    arc_challenge: write("b.jsonl", { query: "Question: Q", choices: ["a", "b"], gold: 0 }),
    boolq: write("c.jsonl", { passage: "P.", question: "is it", label: 1 }),
    copa: write("d.jsonl", { premise: "It rained.", choice1: "A.", choice2: "B.", question: "cause", label: 0 }),
    hellaswag: write("e.jsonl", { query: "She", endings: ["ran.", "xq zz."], label: 0 }),
    openbookqa: write("f.jsonl", {
      question_stem: "S",
      choices: { text: ["a", "b"], label: ["A", "B"] },
      answerKey: "B",
    }),
    winogrande: write("g.jsonl", { sentence: "A so _ ran.", option1: "she", option2: "xq", answer: "1" }),
    lambada: write("h.jsonl", { context: "Once upon a", continuation: "time" }),
    race: write("i.jsonl", race),
    triviaqa: write("j.jsonl", { context: "Question: Q?\nAnswer:", answer: "A", aliases: ["A"] }),
    squad2: write("k.json", squad),
    mmlu: write("mmlu/test/anatomy_test.csv", '"Which, one?",a,b,c,d,A'),
    truthfulqa_mc1: csv,
    truthfulqa_mc2: csv,
    crows_pairs: write("pairs.csv", ...pairs),
  };
  write("piqa/valid-labels.lst", "0", "1");
  files["piqa"] = write("piqa/valid.jsonl", ...[1, 2].map((i) => ({ goal: `G${i}`, sol1: "a ", sol2: "b" })));
  const runs = Object.entries(files).map(([task, data]) => ({ task, data }));
  const settings = { model: modelPath, tasks: runs, writing: { maxNewTokens: 8 } };
  const summary = await runHere(await tasks(settings), worker);
  expect(summary.tasks.map(({ task }) => task)).toEqual(Object.keys(files));
  const byName = Object.fromEntries(summary.tasks.map((each) => [each.task, each]));
  for (const { metrics } of summary.tasks)
    for (const { value } of Object.values(metrics)) expect(value).toBeGreaterThanOrEqual(0);
  expect(byName["hellaswag"]?.metrics["acc"]?.value).toBe(1);
  expect(byName["winogrande"]?.metrics["acc"]?.value).toBe(1);
  expect(byName["lambada"]?.metrics["acc"]?.value).toBe(1);
  expect(byName["lambada"]?.metrics["perplexity"]?.value).toBeLessThan(1.5);
  expect(byName["piqa"]?.documents).toBe(2);
  expect(byName["squad2"]?.metrics).toMatchObject({ HasAns_f1: {}, NoAns_exact: {}, best_f1: { standardError: null } });
  expect(byName["triviaqa"]?.writing?.passes).toBe(byName["triviaqa"]?.writing?.tokens);
  expect(byName["crows_pairs"]).toMatchObject({
    metrics: { pct_stereotype: { value: 0.5 } },
    groups: { gender: { documents: 1 }, age: { metrics: { pct_stereotype: { value: 0 } } } },
  });
});

test("answers by another strategy: the same text where it is exact, more tokens per pass", async () => {
  const rows = Array.from({ length: 3 }, (_, i) => ({
    context: `Lily had ${i} cats. One day,`,
    answer: "x",
    aliases: [],
  }));
  const run = { task: "triviaqa", data: write("answers.jsonl", ...rows) };
  const base = await summaryOf(run, { writing: { maxNewTokens: 40 } });
  const verified = await summaryOf(run, { writing: { maxNewTokens: 40, strategy: { strategy: "verified" } } });
  expect(base.writing?.tokensPerPass).toBe(1);
  expect(verified.writing?.tokensPerPass).toBeGreaterThan(1);
  expect(verified.metrics).toEqual(base.metrics);
  const all = { writing: { maxNewTokens: 512 } };
  await expect(summaryOf(run, all)).rejects.toThrow(
    /maxNewTokens must be below the model's context of 512, received 512/,
  );
});

test("mmlu by subject, with each subject's own examples", async () => {
  const line = (question: string): string => `${question},a,b,c,d,A`;
  write("subjects/test/anatomy_test.csv", ...["Q1", "Q2", "Q3"].map(line));
  write("subjects/test/virology_test.csv", line("Q4"));
  for (const subject of ["anatomy", "virology"]) write(`subjects/dev/${subject}_dev.csv`, ...["D1", "D2"].map(line));
  const at = (name: string): string => join(folder, "subjects", name);
  const run = { task: "mmlu", data: at("test"), fewShot: 2, fewShotData: at("dev") };
  const { documents, groups, fewShot } = await summaryOf(run, { limit: 2 });
  expect({ documents, fewShot }).toEqual({ documents: 3, fewShot: 2 });
  expect(groups).toMatchObject({ anatomy: { documents: 2 }, virology: { documents: 1 } });
  await expect(evaluationOf({ ...run, fewShotData: undefined })).rejects.toThrow(/mmlu: expected the files/);
  await expect(evaluationOf({ ...run, fewShotData: at("test/..") })).rejects.toMatchObject({ code: "not-found" });
});

test("prompts longer than the context are cut at the left, counted and reported", async () => {
  const rows = Array.from({ length: 30 }, (_, i) => story(i));
  const data = write("long.jsonl", ...rows);
  const { truncated, documents } = await summaryOf({ task: "openbookqa", data, fewShot: 25 }, { limit: 3 });
  expect(documents).toBe(3);
  expect(truncated.documents).toBe(3);
  expect(truncated.tokens).toBeGreaterThan(100);
  const written = { context: "The dog ran. ".repeat(300), answer: "x", aliases: [] };
  const cut = await summaryOf(
    { task: "triviaqa", data: write("cut.jsonl", written) },
    { writing: { maxNewTokens: 4 } },
  );
  expect(cut.truncated.documents).toBe(1);
});

test("jobs name their part of the file: an interrupted run repeats nothing and ends in the same bytes", async () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({
    query: `Lily had ${i}`,
    choices: ["toys", "xq"],
    gold: i % 2,
  }));
  const run = { task: "openbookqa", data: write("many.jsonl", ...rows), fewShot: 1 };
  const whole = JSON.stringify(await runEvaluation(await evaluationOf(run), worker));
  const ran: number[] = [];
  const counting = (evaluation: Evaluation<{ document: number }>, stop: number): typeof evaluation => ({
    ...evaluation,
    run(job, each) {
      if (ran.length === stop) throw new Error("killed");
      ran.push(job.document);
      return evaluation.run(job, each);
    },
  });
  const place = { folder: join(folder, "run") };
  // Other processes have read nothing of the file before.
  const first = counting(await evaluationOf(run), 2);
  await expect(runEvaluation(first, worker, place)).rejects.toThrow("killed");
  const second = counting(await evaluationOf(run), Infinity);
  expect(JSON.stringify(await runEvaluation(second, worker, place))).toBe(whole);
  expect(ran).toEqual([0, 32, 64, 96]);
  const evaluation = await evaluationOf(run);
  const jobs: unknown[] = [];
  for await (const job of evaluation.jobs(worker)) jobs.push(job);
  expect(jobs).toHaveLength(4);
  const backwards = new Map<unknown, unknown>();
  for (const job of [...jobs].reverse()) backwards.set(job, await evaluation.run(job as never, worker));
  async function* results(): AsyncGenerator<never> {
    for (const job of jobs) yield (await Promise.resolve(backwards.get(job))) as never;
  }
  expect(JSON.stringify(await evaluation.summarize(results()))).toBe(
    JSON.stringify((JSON.parse(whole) as { summary: unknown }).summary),
  );
});

test("bad input says where and what", async () => {
  const bad = write("bad.jsonl", { query: "Q", choices: ["a", "b"], gold: 0 }, { query: "Q", choices: ["a"], gold: 0 });
  await expect(summaryOf({ task: "openbookqa", data: bad })).rejects.toThrow(/bad\.jsonl:2: expected .*choices/);
  const empty = write("empty.jsonl", "");
  await expect(summaryOf({ task: "boolq", data: empty })).rejects.toThrow(
    /empty\.jsonl: expected documents, received none/,
  );
  const cases: [TaskRun, Options, string][] = [
    [{ task: "none", data: bad }, {}, "invalid-argument"],
    [{ task: "boolq", data: join(folder, "none.jsonl") }, {}, "not-found"],
    [{ task: "boolq", data: bad, fewShot: -1 }, {}, "invalid-argument"],
    [{ task: "boolq", data: bad }, { limit: 0 }, "invalid-argument"],
    [{ task: "boolq", data: bad }, { fewShotSeed: -1 }, "invalid-argument"],
    [{ task: "crows_pairs", data: bad, fewShot: 1 }, {}, "invalid-argument"],
  ];
  for (const [run, options, code] of cases) await expect(evaluationOf(run, options)).rejects.toMatchObject({ code });
  await expect(tasks({ model: modelPath, tasks: [] })).rejects.toMatchObject({ code: "invalid-argument" });
});
