/** Tasks of words and texts to read or to write: LAMBADA, RACE, TriviaQA, SQuAD 2.0, with lm-evaluation-harness's prompts. */
import { array, enum as oneOf, object, string, type ZodType } from "zod";
import type { AnswerQuestion } from "../question.js";
import { defineTask, type Task } from "../task.js";

const lambada = defineTask({
  ...{ name: "lambada", metrics: ["perplexity", "acc"], spareExample: false },
  forms: [
    {
      expected: "{text}",
      question: object({ text: string().includes(" ") }).transform(({ text }) => {
        const space = text.lastIndexOf(" ");
        return { kind: "continuation" as const, context: text.slice(0, space), continuation: text.slice(space) };
      }),
    },
    {
      expected: "{context, continuation}",
      question: object({ context: string(), continuation: string().min(1) }).transform(({ context, continuation }) => ({
        ...{ kind: "continuation" as const, context, continuation: ` ${continuation}` },
      })),
    },
  ],
});

const letters = ["A", "B", "C", "D"] as const;
const optionsOf = array(array(string()).length(4)).min(1);

/** Of an article with its questions, the last is asked; those before it are shown with their answers. */
const race = defineTask({
  ...{ name: "race", metrics: ["acc"], spareExample: false },
  forms: [
    {
      expected: "{article, questions, options: [[four]], answers: [A to D]}",
      question: object({
        ...{ article: string(), questions: array(string()).min(1), options: optionsOf, answers: array(oneOf(letters)) },
      })
        .refine(
          ({ questions, options, answers }) =>
            options.length === questions.length && answers.length === questions.length,
          "expected options and an answer for each question",
        )
        .transform(({ article, questions, options, answers }) => {
          const right = (i: number): number => letters.indexOf(answers[i] ?? "A");
          const last = questions.length - 1;
          const shown = questions
            .slice(0, last)
            .map((question, i) => answered(question, options[i]?.[right(i)] ?? ""))
            .join("");
          return {
            kind: "choices" as const,
            context: `Article: ${article}\n\n${shown}${questions[last] ?? ""}`,
            choices: options[last] ?? [],
            gold: right(last),
          };
        }),
    },
  ],
});

/** A blank at the end is filled. */
const answered = (question: string, answer: string): string =>
  question.endsWith("  _  .") ? `${question.slice(0, -5)}${answer}\n` : `Question: ${question}\nAnswer: ${answer}\n`;

const trivia = (context: string, answers: readonly string[], shot: string): AnswerQuestion => ({
  ...{ kind: "answers", context, answers, shot, matching: "exact_match" },
});

const triviaqa = defineTask({
  ...{ name: "triviaqa", metrics: ["exact_match"], stops: ["\n", ".", ","] },
  forms: [
    {
      expected: "{question, answer: {aliases}}",
      question: object({ question: string(), answer: object({ aliases: array(string()).min(1) }) }).transform(
        // Questions end in a mark already: the harness has two.
        ({ question, answer: { aliases } }) => trivia(`Question: ${question}?\nAnswer:`, aliases, aliases[0] ?? ""),
      ),
    },
    {
      expected: "{context, answer, aliases}",
      question: object({ context: string(), answer: string(), aliases: array(string()) }).transform(
        ({ context, answer, aliases }) => trivia(context, [answer, ...aliases], answer),
      ),
    },
  ],
});

const squadContext = (title: string, context: string, question: string): string =>
  `Title: ${title}\n\nBackground: ${context}\n\nQuestion: ${question}\n\nAnswer:`;

const squadRow = object({
  title: string(),
  context: string(),
  question: string(),
  answers: object({ text: array(string()) }),
});
const squadFile: ZodType<{ data: SquadArticle[] }> = object({
  data: array(
    object({
      title: string(),
      paragraphs: array(
        object({
          context: string(),
          qas: array(object({ question: string(), answers: array(object({ text: string() })) })),
        }),
      ),
    }),
  ),
});

interface SquadArticle {
  readonly title: string;
  readonly paragraphs: readonly {
    readonly context: string;
    readonly qas: readonly { readonly question: string; readonly answers: readonly { readonly text: string }[] }[];
  }[];
}

/** The file's questions one after the other, each with its paragraph, as Hugging Face has them. */
function unfoldSquad(json: unknown): unknown[] | undefined {
  if (Array.isArray(json)) return json as unknown[];
  const { data } = squadFile.safeParse(json);
  return data?.data.flatMap(({ title, paragraphs }) =>
    paragraphs.flatMap(({ context, qas }) =>
      qas.map(({ question, answers }) => ({
        title,
        context,
        question,
        answers: { text: answers.map(({ text }) => text) },
      })),
    ),
  );
}

const squad2 = defineTask({
  ...{ name: "squad2", files: { unfold: unfoldSquad } },
  metrics: ["exact", "f1", "HasAns_exact", "HasAns_f1", "NoAns_exact", "NoAns_f1", "best_exact", "best_f1"],
  forms: [
    {
      expected: "{title, context, question, answers: {text}}",
      question: squadRow.transform(({ title, context, question, answers: { text } }) => ({
        ...{ kind: "answers" as const, matching: "squad" as const, answers: text },
        context: squadContext(title, context, question),
        // Behind the delimiter too: the harness's own examples have two spaces.
        shot: ` ${text[0] ?? "unanswerable"}`,
      })),
    },
  ],
});

export const readingTasks: readonly Task[] = [lambada, race, triviaqa, squad2];
