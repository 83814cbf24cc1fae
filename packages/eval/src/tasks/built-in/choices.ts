/** Tasks whose answer is one of several texts, with lm-evaluation-harness's prompts. */
import { array, boolean, enum as oneOf, int, object, string, tuple, union, type ZodType } from "zod";
import type { ChoiceQuestion } from "../question.js";
import { defineTask, type Task, type TaskForm } from "../task.js";

/** The harness has its acc_norm by characters, and by bytes as acc_bytes: both are reported. */
const normalized = ["acc", "acc_norm", "acc_norm_characters"];
const texts = array(string()).min(2);
/** A label, in some files as text. */
const index = union([int(), string().regex(/^\d+$/).transform(Number)]);

const choices = (context: string, all: readonly string[], gold: number): ChoiceQuestion => ({
  ...{ kind: "choices", context, choices: all, gold },
});

/** Prompts are composed already; `compose` adds what they end in. */
const composed = (compose = (query: string): string => query): TaskForm => ({
  expected: "{query, choices, gold}",
  question: object({ query: string(), choices: texts, gold: int() }).transform(({ query, choices: all, gold }) =>
    choices(compose(query), all, gold),
  ),
});

const labelled = { choices: object({ text: texts, label: array(string()) }), answerKey: string() };
const options = array(object({ text: string(), label: string() })).min(2);

/** As Hugging Face publishes the ARC sets and OpenBookQA. */
const labelledForm = <Row extends { choices: { text: string[]; label: string[] }; answerKey: string }>(
  field: string,
  schema: ZodType<Row>,
  compose: (row: Row) => string,
): TaskForm => ({
  expected: `{${field}, choices: {text, label}, answerKey}`,
  question: schema.transform((row) =>
    choices(compose(row), row.choices.text, row.choices.label.indexOf(row.answerKey.trim())),
  ),
});

/** As their makers do. */
const stemForm = (compose: (stem: string) => string): TaskForm => ({
  expected: "{question: {stem, choices: [{text, label}]}, answerKey}",
  question: object({ question: object({ stem: string(), choices: options }), answerKey: string() }).transform(
    ({ question: { stem, choices: all }, answerKey }) =>
      choices(
        compose(stem),
        all.map(({ text }) => text),
        all.findIndex(({ label }) => label === answerKey.trim()),
      ),
  ),
});

/** Behind a question, and behind a composed one that ends in the question. */
const asked = (question: string): string => `Question: ${question}\nAnswer:`;
const answering = (query: string): string => (query.endsWith("Answer:") ? query : `${query}\nAnswer:`);

const arc = (name: string): Task =>
  defineTask({
    ...{ name, metrics: normalized, spareExample: false },
    forms: [
      labelledForm("question", object({ question: string(), ...labelled }), ({ question }) => asked(question)),
      stemForm(asked),
      composed(answering),
    ],
  });

const boolq = defineTask({
  ...{ name: "boolq", metrics: ["acc"] },
  forms: [
    {
      expected: "{passage, question, label or answer}",
      question: object({
        ...{ passage: string(), question: string() },
        ...{ label: union([index, boolean()]).optional(), answer: boolean().optional() },
      })
        .refine(({ label, answer }) => label !== undefined || answer !== undefined, "expected a label or an answer")
        .transform(({ passage, question, label, answer }) =>
          choices(`${passage}\nQuestion: ${question}?\nAnswer:`, ["no", "yes"], Number(label ?? answer)),
        ),
    },
    composed(answering),
  ],
});

const connectors = { cause: "because", effect: "therefore" } as const;
/** Behind the delimiter too: the harness's own COPA has two spaces. */
const lowered = (choice: string): string => ` ${choice.charAt(0).toLowerCase()}${choice.slice(1)}`;

const copa = defineTask({
  ...{ name: "copa", metrics: ["acc"] },
  forms: [
    {
      expected: "{premise, choice1, choice2, question, label}",
      question: object({
        ...{ premise: string(), choice1: string(), choice2: string() },
        ...{ question: oneOf(["cause", "effect"]), label: index },
      }).transform(({ premise, choice1, choice2, question, label }) =>
        choices(`${premise.trim().slice(0, -1)} ${connectors[question]}`, [choice1, choice2].map(lowered), label),
      ),
    },
    composed(),
  ],
});

/** WikiHow's marks, as the harness takes them out. */
const withoutMarks = (text: string): string =>
  text
    .trim()
    .replaceAll(" [title]", ". ")
    .replaceAll(/\[.*?\]/g, "")
    .replaceAll("  ", " ");

const hellaswag = defineTask({
  ...{ name: "hellaswag", metrics: normalized },
  forms: [
    {
      expected: "{activity_label, ctx_a, ctx_b, endings, label}",
      question: object({
        ...{ activity_label: string(), ctx_a: string(), ctx_b: string(), endings: texts },
        label: index,
      }).transform(({ activity_label: activity, ctx_a: a, ctx_b: b, endings, label }) => {
        const capital = b.charAt(0).toUpperCase() + b.slice(1).toLowerCase();
        return choices(withoutMarks(`${activity}: ${a} ${capital}`), endings.map(withoutMarks), label);
      }),
    },
    {
      expected: "{query, endings, label}",
      question: object({ query: string(), endings: texts, label: int() }).transform(({ query, endings, label }) =>
        choices(query, endings, label),
      ),
    },
  ],
});

const openbookqa = defineTask({
  ...{ name: "openbookqa", metrics: normalized, spareExample: false },
  forms: [
    labelledForm("question_stem", object({ question_stem: string(), ...labelled }), ({ question_stem: stem }) => stem),
    stemForm((stem) => stem),
    composed(),
  ],
});

const piqa = defineTask({
  ...{ name: "piqa", metrics: normalized },
  labelsOf: (path) => path.replace(/\.jsonl$/i, "-labels.lst"),
  forms: [
    {
      expected: "{goal, sol1, sol2, label}",
      question: object({ goal: string(), sol1: string(), sol2: string(), label: index }).transform(
        ({ goal, sol1, sol2, label }) => choices(asked(goal), [sol1, sol2], label),
      ),
    },
    composed(),
  ],
});

const winogrande = defineTask({
  ...{ name: "winogrande", metrics: ["acc"] },
  forms: [
    {
      expected: "{sentence with _, option1, option2, answer}",
      question: object({
        sentence: string().includes("_"),
        ...{ option1: string(), option2: string(), answer: oneOf(["1", "2"]) },
      }).transform(({ sentence, option1, option2, answer }) => {
        const blank = sentence.indexOf("_");
        return {
          kind: "contexts" as const,
          contexts: [option1, option2].map((option) => sentence.slice(0, blank) + option),
          continuation: sentence.slice(blank + 1).trim(),
          gold: Number(answer) - 1,
        };
      }),
    },
    {
      expected: "{context_options, continuation, gold}",
      question: object({ context_options: tuple([string(), string()]), continuation: string(), gold: int() }).transform(
        ({ context_options: contexts, continuation, gold }) => ({
          kind: "contexts" as const,
          contexts,
          continuation,
          gold,
        }),
      ),
    },
  ],
});

export const choiceTasks: readonly Task[] = [
  arc("arc_easy"),
  arc("arc_challenge"),
  ...[boolq, copa, hellaswag, openbookqa, piqa, winogrande],
];
