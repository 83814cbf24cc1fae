/** Tasks of one's own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askQuestion, showQuestion } from "./kinds.js";
import type { Question } from "../question.js";
import { questionOf } from "../task.js";
import { compileTask, readTaskDefinition, type TaskDefinition } from "./task-definition.js";

const capitals: TaskDefinition = {
  ...{ name: "capitals", kind: "choices", context: "{{country.name}} ({{ year }}):", delimiter: "|" },
  ...{ choices: "cities", gold: "{{capital}}", labels: "cities", fewShotDelimiter: "\n" },
};
const row = { country: { name: "France" }, year: 1990, cities: ["Lyon", "Paris"], capital: "Paris", right: 1 };
const questionIn = (definition: TaskDefinition, value: unknown = row): Question =>
  questionOf(compileTask(definition), { where: "own.jsonl:1", value });

test("choices of a field, right by their text", () => {
  const task = compileTask(capitals);
  const question = questionIn(capitals);
  expect(question).toMatchObject({ choices: ["Lyon", "Paris"], gold: 1 });
  expect(askQuestion(question, "", task.delimiter).requests[1]).toEqual({
    ...{ context: "France (1990):", continuation: "|Paris" },
  });
  expect(showQuestion(question, task.delimiter) + task.fewShotDelimiter).toBe("France (1990):|Paris\n");
});

test("choices of templates, right by their index; contexts, continuations and answers", () => {
  const { labels: _, ...rest } = capitals;
  expect(questionIn({ ...rest, choices: ["{{cities.1}}!", "no"], gold: "0" })).toMatchObject({
    choices: ["Paris!", "no"],
  });
  expect(
    questionIn({ name: "c", kind: "contexts", contexts: "cities", continuation: "in {{year}}", gold: "{{right}}" }),
  ).toEqual({ kind: "contexts", contexts: ["Lyon", "Paris"], continuation: "in 1990", gold: 1 });
  expect(questionIn({ name: "c", kind: "continuation", context: "In", continuation: " {{capital}}" })).toEqual({
    ...{ kind: "continuation", context: "In", continuation: " Paris" },
  });
  const answers = questionIn({ name: "a", kind: "answers", context: "Q", answers: ["{{capital}}"], stops: ["."] });
  expect(answers).toMatchObject({ answers: ["Paris"], shot: "Paris", matching: "exact_match" });
});

test.each([
  [
    { ...row, country: {} },
    /own\.jsonl:1: expected \{capital, country\.name, year\}, received .* \(country\.name: expected text\)/,
  ],
  [{ ...row, cities: "Paris" }, /cities: expected a list of texts/],
  [{ ...row, cities: [["Lyon"], "Paris"] }, /cities\.0: expected text/],
  [{ ...row, capital: "Nice" }, /expected the right answer among its 2 choices, received none of them/],
  // Nothing that every object has is a field.
  [{ ...row, country: { __proto__: { name: "inherited" } } }, /country\.name: expected text/],
])("a row that lacks what a template names %#", (value, message) => {
  expect(() => questionIn(capitals, value)).toThrow(message);
});

test("what a template names is taken as it is: no code, no second filling", () => {
  const value = { ...row, country: { name: "{{capital}} ${process} <%= x %> $& $1" } };
  expect(questionIn(capitals, value)).toMatchObject({ context: "{{capital}} ${process} <%= x %> $& $1 (1990):" });
});

test("a file that is no definition says what is wrong", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-definition-"));
  const path = join(folder, "own.json");
  const reading = (text: string): Promise<TaskDefinition> => {
    writeFileSync(path, text);
    return readTaskDefinition(path);
  };
  expect(await reading(`\uFEFF${JSON.stringify(capitals)}`)).toEqual(capitals);
  const wrong = [
    ["{", /own\.json: expected a task of kind/],
    [JSON.stringify({ ...capitals, kind: "code" }), /kind/],
    [JSON.stringify({ ...capitals, run: "x" }), /run/],
    [JSON.stringify({ ...capitals, gold: undefined }), /gold/],
  ] as const;
  for (const [text, message] of wrong) await expect(reading(text)).rejects.toThrow(message);
  rmSync(folder, { recursive: true });
  await expect(readTaskDefinition(path)).rejects.toMatchObject({ code: "not-found" });
  expect(() => compileTask({ ...capitals, choices: [] })).toThrow(/choices/);
});
