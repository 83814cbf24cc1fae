/** A task: what its rows look like, which question each is, and what is made of the answers. */
import { basename, extname } from "node:path";
import { DynamoError } from "@dynamo/core";
import type { ZodError, ZodType } from "zod";
import { excerpt, type DocumentFileOptions, type Row } from "./definition/document-file.js";
import type { Question } from "./question.js";

/** One way in which a set is published. */
export interface TaskForm {
  /** For messages, such as "{query, choices, gold}". */
  readonly expected: string;
  readonly question: ZodType<Question>;
}

/** A task: the forms of its documents, and how they become questions. */
export interface Task {
  readonly name: string;
  /** The first that fits is taken. */
  readonly forms: readonly TaskForm[];
  /** Of the kinds' metrics, those that are reported. */
  readonly metrics: readonly string[];
  /** Between a question and its answer. */
  readonly delimiter: string;
  /** Behind an example. */
  readonly fewShotDelimiter: string;
  /** Before everything; `subject` is the file's name without its end and split. */
  readonly description?: ((subject: string) => string) | undefined;
  /** Drawn anew for every document, the first ones of the file, or never. */
  readonly examples: "drawn" | "first" | "none";
  /** One more is drawn than shown, as the harness does for sets without a test split. */
  readonly spareExample: boolean;
  /** What ends a written answer. */
  readonly stops: readonly string[];
  readonly files?: Omit<DocumentFileOptions, "labels"> | undefined;
  /** The file of labels beside a file of documents. */
  readonly labelsOf?: ((path: string) => string) | undefined;
}

type TaskParts = Pick<Task, "name" | "forms" | "metrics"> & Partial<Task>;

/** lm-evaluation-harness's defaults for what is left out. */
export const defineTask = (parts: TaskParts): Task => ({
  ...{ delimiter: " ", fewShotDelimiter: "\n\n", examples: "drawn", spareExample: true, stops: ["\n"] },
  ...parts,
});

/** Throws `invalid-file` that names the place, what was expected and what received. */
export function questionOf({ forms }: Pick<Task, "forms">, { where, value }: Row): Question {
  const errors: ZodError[] = [];
  for (const { question } of forms) {
    const { data, error } = question.safeParse(value);
    if (error === undefined) return checked(data, where);
    errors.push(error);
  }
  const expected = forms.map((form) => form.expected).join(" or ");
  throw new DynamoError(
    "invalid-file",
    `${where}: expected ${expected}, received ${excerpt(JSON.stringify(value))} (${nearest(errors)})`,
  );
}

/** What is wrong with the form that fits best. */
function nearest(errors: readonly ZodError[]): string {
  const issues = errors.map((error) => error.issues).sort((a, b) => a.length - b.length)[0] ?? [];
  return issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.join(".")}: ${message}`)
    .join("; ");
}

function checked(question: Question, where: string): Question {
  if (!("gold" in question)) return question;
  const { length } = question.kind === "choices" ? question.choices : question.contexts;
  if (Number.isInteger(question.gold) && question.gold >= 0 && question.gold < length) return question;
  throw new DynamoError(
    "invalid-file",
    `${where}: expected the right answer among its ${length} choices, received ${question.gold < 0 ? "none of them" : question.gold}`,
  );
}

/** A file's name without its end and the split's: "anatomy" of anatomy_test.csv. */
export const subjectOf = (path: string): string =>
  basename(path, extname(path)).replace(/_(?:dev|val|valid|validation|test|train)$/, "");
