/** Prompts of every task in each published form, as lm-evaluation-harness's definitions have them. */
import { expect, test } from "vitest";
import { askQuestion, questionMetrics, showQuestion } from "../definition/kinds.js";
import type { Question } from "../question.js";
import { questionOf } from "../task.js";
import { builtInTask, builtInTasks } from "./index.js";

interface Put {
  readonly contexts: readonly string[];
  readonly continuations: readonly string[];
  readonly prompt: string | undefined;
  readonly shown: string;
  readonly question: Question;
}

/** A row as it is put to a model. */
function put(name: string, value: unknown): Put {
  const task = builtInTask(name);
  const question = questionOf(task, { where: "rows.jsonl:1", value });
  const { requests, prompt } = askQuestion(question, "", task.delimiter);
  return {
    ...{ question, prompt, shown: showQuestion(question, task.delimiter) },
    contexts: [...new Set(requests.map(({ context }) => context))],
    continuations: requests.map(({ continuation }) => continuation),
  };
}

const arc = { text: ["up", "down"], label: ["A", "B"] };

test.each([
  ["arc_easy", { question: "Where?", choices: arc, answerKey: "B" }],
  [
    "arc_challenge",
    {
      question: {
        stem: "Where?",
        choices: [
          { text: "up", label: "1" },
          { text: "down", label: "2" },
        ],
      },
      answerKey: "2",
    },
  ],
  ["arc_easy", { query: "Question: Where?", choices: ["up", "down"], gold: 1 }],
])("%s", (name, row) => {
  expect(put(name, row)).toMatchObject({
    contexts: ["Question: Where?\nAnswer:"],
    continuations: [" up", " down"],
    shown: "Question: Where?\nAnswer: down",
  });
});

test.each([
  { passage: "It is.", question: "is it", label: 1 },
  { passage: "It is.", question: "is it", answer: true },
  { passage: "It is.", question: "is it", label: true },
  { query: "It is.\nQuestion: is it?", choices: ["no", "yes"], gold: 1 },
])("boolq %#", (row) => {
  expect(put("boolq", row)).toMatchObject({
    contexts: ["It is.\nQuestion: is it?\nAnswer:"],
    continuations: [" no", " yes"],
    shown: "It is.\nQuestion: is it?\nAnswer: yes",
  });
});

test("copa: the harness's choices have a space of their own behind the delimiter", () => {
  const row = { premise: "It rained. ", choice1: "We slept.", choice2: "I got wet.", question: "effect", label: 1 };
  expect(put("copa", row)).toMatchObject({
    contexts: ["It rained therefore"],
    continuations: ["  we slept.", "  i got wet."],
    shown: "It rained therefore  i got wet.",
  });
  expect(put("copa", { query: "It rained, therefore", choices: ["a.", "b."], gold: 0 })).toMatchObject({
    continuations: [" a.", " b."],
  });
});

test("hellaswag: WikiHow's marks go, and the second context has a capital", () => {
  const row = {
    activity_label: "Baking",
    ctx_a: "A man [step] bakes.",
    ctx_b: "he THEN",
    endings: ["eats [title] it.", "sleeps."],
    label: "1",
  };
  expect(put("hellaswag", row)).toMatchObject({
    contexts: ["Baking: A man bakes. He then"],
    continuations: [" eats. it.", " sleeps."],
    question: { gold: 1 },
  });
  expect(put("hellaswag", { query: "Baking: A man bakes. he", endings: ["eats.", "sleeps."], label: 0 })).toMatchObject(
    {
      shown: "Baking: A man bakes. he eats.",
    },
  );
});

test("openbookqa and piqa; a label may be text, a solution may end in a space", () => {
  const row = { question_stem: "Predators eat", choices: arc, answerKey: " A" };
  expect(put("openbookqa", row)).toMatchObject({ contexts: ["Predators eat"], shown: "Predators eat up" });
  expect(put("piqa", { goal: "dresser", sol1: "drawer ", sol2: "pin", label: "0" })).toMatchObject({
    contexts: ["Question: dresser\nAnswer:"],
    continuations: [" drawer ", " pin"],
    shown: "Question: dresser\nAnswer: drawer ",
  });
});

test.each([
  { sentence: "Ann beat Eve so _ won it. _", option1: "Ann", option2: "Eve", answer: "2" },
  { context_options: ["Ann beat Eve so Ann", "Ann beat Eve so Eve"], continuation: "won it. _", gold: 1 },
])("winogrande %#: the contexts are the choices", (row) => {
  expect(put("winogrande", row)).toMatchObject({
    contexts: ["Ann beat Eve so Ann", "Ann beat Eve so Eve"],
    continuations: [" won it. _", " won it. _"],
    shown: "Ann beat Eve so Eve won it. _",
  });
});

test.each([{ text: "I don't care  about signs" }, { context: "I don't care  about", continuation: "signs" }])(
  "lambada %#: examples have two spaces, as the harness's",
  (row) => {
    expect(put("lambada", row)).toMatchObject({
      contexts: ["I don't care  about"],
      continuations: [" signs"],
      shown: "I don't care  about  signs",
    });
  },
);

test("race: the last question is asked, the others are shown with their answers", () => {
  const row = {
    article: "Long ago.",
    questions: ["When was it?", "It was   _  .", "Who   _  ?"],
    options: ["abcd", "efgh", "ijkl"].map((letters) => letters.split("")),
    answers: ["B", "A", "D"],
  };
  expect(put("race", row)).toMatchObject({
    contexts: ["Article: Long ago.\n\nQuestion: When was it?\nAnswer: b\nIt was  e\nWho   _  ?"],
    continuations: [" i", " j", " k", " l"],
    question: { gold: 3 },
  });
  expect(() => put("race", { ...row, answers: ["B"] })).toThrow(/expected options and an answer for each question/);
});

test("triviaqa: in the published form the harness's second question mark", () => {
  expect(put("triviaqa", { question: "Which?", answer: { aliases: ["Onion", "Onions"] } })).toMatchObject({
    prompt: "Question: Which??\nAnswer:",
    continuations: [],
    shown: "Question: Which??\nAnswer: Onion",
  });
  const { question } = put("triviaqa", { context: "Question: Which?\nAnswer:", answer: "Onion", aliases: ["Onions"] });
  const judged = ["onions!", "Leek"].map((written) => questionMetrics(question, { written, scores: [] }));
  expect(judged).toEqual([{ exact_match: 1 }, { exact_match: 0 }]);
});

test("squad2: an answer is written, and the likelihood of none is asked for", () => {
  const row = { title: "Oil", context: "In 1973.", question: "When? ", answers: { text: ["1973", "in 1973"] } };
  const prompt = "Title: Oil\n\nBackground: In 1973.\n\nQuestion: When? \n\nAnswer:";
  const { question, ...rest } = put("squad2", row);
  expect(rest).toEqual({ prompt, contexts: [prompt], continuations: [" unanswerable"], shown: `${prompt}  1973` });
  const scores = [{ logLikelihood: Math.log(0.25), greedy: false, tokens: 1, truncated: 0 }];
  expect(questionMetrics(question, { written: " In 1973", scores })).toMatchObject({ exact: 1, noAnswer: 0.25 });
  expect(put("squad2", { ...row, answers: { text: [] } }).shown).toBe(`${prompt}  unanswerable`);
});

test("mmlu: letters are the choices", () => {
  const row = { question: " Which? ", A: "w", B: "x", C: "y", D: "z", answer: "C" };
  expect(put("mmlu", row)).toMatchObject({
    contexts: ["Which?\nA. w\nB. x\nC. y\nD. z\nAnswer:"],
    continuations: [" A", " B", " C", " D"],
    shown: "Which?\nA. w\nB. x\nC. y\nD. z\nAnswer: C",
  });
  expect(builtInTask("mmlu").description?.("abstract_algebra")).toBe(
    "The following are multiple choice questions (with answers) about abstract algebra.\n\n",
  );
});

const truthful = {
  Question: "Why?",
  "Best Answer": "Sun",
  "Correct Answers": "Sun; Rain.; ",
  "Incorrect Answers": "Moon;Stars",
};

test("truthfulqa: six examples in the prompt; the best answer among wrong ones, or all of them", () => {
  const mc1 = put("truthfulqa_mc1", truthful);
  expect(mc1.contexts[0]).toMatch(/^Q: What is human life expectancy .*\n\nQ: Where were .*Spain\.\n\nQ: Why\?\nA:$/s);
  expect(mc1.continuations).toEqual([" Sun.", " Moon.", " Stars."]);
  const mc2 = put("truthfulqa_mc2", truthful);
  expect(mc2.continuations).toEqual([" Sun.", " Rain.", " Moon.", " Stars."]);
  expect(mc2.question).toMatchObject({ isTrue: [true, true, false, false] });
  const published = { choices: ["Sun.", "Moon."], labels: [1, 0] };
  const both = { question: "Why?", mc1_targets: published, mc2_targets: published };
  expect(put("truthfulqa_mc1", both).continuations).toEqual([" Sun.", " Moon."]);
  expect(put("truthfulqa_mc2", both).question).toMatchObject({ isTrue: [true, false] });
});

test("crows_pairs: both sentences behind nothing, in groups", () => {
  const row = { "": "0", sent_more: "The poor are.", sent_less: "The rich are.", bias_type: "socioeconomic" };
  expect(put("crows_pairs", row)).toMatchObject({
    contexts: [""],
    continuations: ["The poor are.", "The rich are."],
    question: { group: "socioeconomic" },
  });
});

test.each([
  [
    "arc_easy",
    { query: "Q", choices: ["a", "b"], gold: 2 },
    /rows\.jsonl:1: expected the right answer among its 2 choices, received 2/,
  ],
  [
    "arc_easy",
    { question: "Q", choices: arc, answerKey: "E" },
    /expected the right answer among its 2 choices, received none/,
  ],
  [
    "openbookqa",
    { query: "Q", choices: [], gold: 0 },
    /expected .* or \{query, choices, gold\}, received \{"query":"Q"/,
  ],
  ["mmlu", { question: "Q", A: "a", B: "b", C: "c", D: "d", answer: "E" }, /expected question, A, B, C, D, answer/],
  ["hellaswag", { query: "Q", endings: ["a", "b"] }, /label: Invalid input/],
  ["lambada", [1], /expected \{text\} or \{context, continuation\}, received \[1\]/],
])("%s says what a row that fits none of its forms lacks", (name, row, message) => {
  expect(() => put(name, row)).toThrow(message);
});

test("names are known, and one that is not lists them", () => {
  expect(builtInTasks.map(({ name }) => name)).toHaveLength(17 - 1);
  expect(() => builtInTask("none")).toThrow(/expected one of the tasks arc_easy, .*crows_pairs, received none/);
});
