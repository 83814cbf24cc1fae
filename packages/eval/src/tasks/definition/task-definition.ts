/**
 * Tasks of one's own, as JSON: templates name the fields of a row. They are data and no code, so that a task from anywhere can
 * be tried, hashed with its results, and sent to other machines; whoever needs code writes rows that need none.
 */
import { DynamoError } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import {
  array,
  discriminatedUnion,
  enum as oneOf,
  literal,
  NEVER,
  record,
  strictObject,
  string,
  union,
  unknown,
  type ZodType,
} from "zod";
import { pathCheck } from "../../arguments.js";
import { jsonOf, readTextFile, withoutByteOrderMark } from "../../text-file.js";
import type { Question } from "../question.js";
import { defineTask, type Task } from "../task.js";
import { fieldOf, fillTemplate, MissingField } from "./template.js";

/** A list of templates, or the name of a field that is a list of texts. */
type Texts = string | readonly string[];

interface Common {
  readonly name: string;
  /** Between a question and its answer; default " ". */
  readonly delimiter?: string | undefined;
  /** Behind an example; default two line feeds. */
  readonly fewShotDelimiter?: string | undefined;
  /** Before everything. */
  readonly description?: string | undefined;
  /** Drawn anew for every question (the default), or the first ones of the file. */
  readonly examples?: "drawn" | "first" | undefined;
  /** Names of a CSV file's columns, where it has no header. */
  readonly columns?: readonly string[] | undefined;
}

/** A task of one's own, as its file says it. */
export type TaskDefinition = Common &
  (
    | {
        readonly kind: "choices";
        readonly context: string;
        readonly choices: Texts;
        /** A template: the right choice's index, or one of `labels`. */
        readonly gold: string;
        readonly labels?: Texts | undefined;
      }
    | {
        readonly kind: "contexts";
        readonly contexts: Texts;
        readonly continuation: string;
        readonly gold: string;
        readonly labels?: Texts | undefined;
      }
    | { readonly kind: "continuation"; readonly context: string; readonly continuation: string }
    | {
        readonly kind: "answers";
        readonly context: string;
        readonly answers: Texts;
        readonly matching?: "exact_match" | "squad" | undefined;
        readonly stops?: readonly string[] | undefined;
      }
  );

const texts = union([string().min(1), array(string()).min(1)]);
const common = {
  name: string().min(1).max(100),
  ...{ delimiter: string().optional(), fewShotDelimiter: string().optional(), description: string().optional() },
  examples: oneOf(["drawn", "first"]).optional(),
  columns: array(string()).min(1).optional(),
};
const gold = { gold: string().min(1), labels: texts.optional() };
const schema = discriminatedUnion("kind", [
  strictObject({ ...common, ...gold, kind: literal("choices"), context: string(), choices: texts }),
  strictObject({ ...common, ...gold, kind: literal("contexts"), contexts: texts, continuation: string().min(1) }),
  strictObject({ ...common, kind: literal("continuation"), context: string(), continuation: string().min(1) }),
  strictObject({
    ...{ ...common, kind: literal("answers"), context: string(), answers: texts },
    matching: oneOf(["exact_match", "squad"]).optional(),
    stops: array(string().min(1)).min(1).max(16).optional(),
  }),
]) satisfies ZodType<TaskDefinition>;

/** A definition's file is small. */
const mostBytes = 2 ** 20;

/** Throws `not-found`, and `invalid-file` that says what is wrong with the definition. */
export async function readTaskDefinition(path: string): Promise<TaskDefinition> {
  checkValue("path", path, pathCheck);
  return parseDefinition(jsonOf(withoutByteOrderMark(await readTextFile(path, mostBytes))), path);
}

function parseDefinition(json: unknown, where: string): TaskDefinition {
  const { data, error } = schema.safeParse(json);
  if (data !== undefined) return data;
  const wrong = error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  throw new DynamoError(
    "invalid-file",
    `${where}: expected a task of kind choices, contexts, continuation or answers, received ${wrong}`,
  );
}

const metrics: Readonly<Record<Question["kind"], readonly string[]>> = {
  choices: ["acc", "acc_norm", "acc_norm_characters"],
  contexts: ["acc"],
  continuation: ["perplexity", "acc"],
  mass: ["acc"],
  pair: ["pct_stereotype", "likelihood_diff"],
  answers: [
    "exact_match",
    "exact",
    "f1",
    "HasAns_exact",
    "HasAns_f1",
    "NoAns_exact",
    "NoAns_f1",
    "best_exact",
    "best_f1",
  ],
};

/** Throws `invalid-file` for what is no definition. */
export function compileTask(definition: TaskDefinition): Task {
  const checked = parseDefinition(definition, "a task of one's own");
  const { name, kind, columns, description } = checked;
  return defineTask({
    ...{ name, metrics: metrics[kind] },
    ...(checked.delimiter === undefined ? {} : { delimiter: checked.delimiter }),
    ...(checked.fewShotDelimiter === undefined ? {} : { fewShotDelimiter: checked.fewShotDelimiter }),
    ...(checked.examples === undefined ? {} : { examples: checked.examples }),
    ...(checked.kind === "answers" && checked.stops !== undefined ? { stops: checked.stops } : {}),
    ...(description === undefined ? {} : { description: () => description }),
    files: { columns },
    forms: [{ expected: `{${fieldsIn(checked).join(", ")}}`, question: rowQuestion(checked) }],
  });
}

/** Every field that a template names, for messages. */
const fieldsIn = (definition: TaskDefinition): string[] => [
  ...new Set([...JSON.stringify(definition).matchAll(/\{\{\s*([^{}]+?)\s*\}\}/g)].map(([, path = ""]) => path)),
];

const rowQuestion = (definition: TaskDefinition): ZodType<Question> =>
  record(string(), unknown()).transform((row, context) => {
    try {
      return fillQuestion(definition, row);
    } catch (error) {
      if (!(error instanceof MissingField)) throw error;
      context.issues.push({ code: "custom", message: error.message, input: row, path: error.path.split(".") });
      return NEVER;
    }
  });

function fillQuestion(definition: TaskDefinition, row: unknown): Question {
  const fill = (template: string): string => fillTemplate(template, row);
  const { kind } = definition;
  if (kind === "continuation")
    // The space that is before it is part of it.
    return { kind, context: fill(definition.context), continuation: fill(definition.continuation) };
  if (kind === "answers") {
    const answers = textsOf(definition.answers, row);
    const { matching = "exact_match" } = definition;
    return { kind, context: fill(definition.context), answers, matching, shot: answers[0] ?? "" };
  }
  const right = goldOf(fill(definition.gold).trim(), definition.labels, row);
  if (kind === "choices")
    return { kind, context: fill(definition.context), choices: textsOf(definition.choices, row), gold: right };
  const contexts = textsOf(definition.contexts, row);
  return { kind, contexts, continuation: fill(definition.continuation), gold: right };
}

/** -1 for what is neither, which is a malformed row. */
const goldOf = (filled: string, labels: Texts | undefined, row: unknown): number =>
  labels === undefined ? (/^\d+$/.test(filled) ? Number(filled) : -1) : textsOf(labels, row).indexOf(filled);

function textsOf(all: Texts, row: unknown): string[] {
  if (typeof all !== "string") return all.map((template) => fillTemplate(template, row));
  const value = fieldOf(row, all);
  if (!Array.isArray(value) || value.length === 0) throw new MissingField(all, "a list of texts");
  return value.map((_, i) => fillTemplate(`{{${all}.${i}}}`, row));
}
