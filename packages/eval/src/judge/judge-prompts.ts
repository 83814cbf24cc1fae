/** Judges' prompts: MT-bench's own, or one of a file in their form. */
import { DynamoError } from "@dynamo/core";
import { enum as oneOf, object, string } from "zod";
import { jsonOf, readTextFile } from "../text-file.js";
import { pairV2, singleV1 } from "./mt-bench-prompts.js";

/** Two texts against each other, or one text alone. */
export type JudgeMode = "pairwise" | "single";

export interface JudgePrompt {
  readonly name: string;
  readonly system: string;
  /** With {question}, and {answer} or {answer_a} and {answer_b}. */
  readonly template: string;
}

/** What is put into a template. */
export type Answers = Readonly<Record<string, string>>;

const line = object({
  name: string().min(1),
  type: oneOf(["pairwise", "single"]),
  system_prompt: string(),
  prompt_template: string().min(1),
});

/** Prompt files have a few kilobytes. */
const mostBytes = 2 ** 20;

const names: Readonly<Record<JudgeMode, readonly string[]>> = {
  pairwise: ["question", "answer_a", "answer_b"],
  single: ["question", "answer"],
};

export interface PromptChoice {
  /** A file of FastChat's form, a JSON object a line; default: MT-bench's prompts for answers without a reference. */
  readonly file?: string | undefined;
  /** Default: pair-v2 or single-v1. */
  readonly name?: string | undefined;
}

/** Throws `not-found` and `invalid-file`; `invalid-argument` for a name that the file has no such prompt of. */
export async function chooseJudgePrompt(mode: JudgeMode, { file, name }: PromptChoice = {}): Promise<JudgePrompt> {
  const known = file === undefined ? [pairV2, singleV1] : await readPromptFile(file);
  const wanted = name ?? (mode === "pairwise" ? pairV2.name : singleV1.name);
  const found = known.find((each) => each.name === wanted && each.type === mode);
  if (found === undefined) {
    const have = known.filter(({ type }) => type === mode).map((each) => each.name);
    throw new DynamoError(
      "invalid-argument",
      `expected a ${mode} prompt among ${have.join(", ") || "none"}, received ${wanted}`,
    );
  }
  const used = [...found.prompt_template.matchAll(placeholder)].map(([, own]) => own ?? "");
  const lacking = names[mode].filter((each) => !used.includes(each));
  const unknown = used.filter((each) => !names[mode].includes(each));
  if (lacking.length > 0 || unknown.length > 0)
    throw new DynamoError(
      "invalid-file",
      `prompt ${wanted}: expected {${names[mode].join("}, {")}}, received {${used.join("}, {")}}`,
    );
  return { name: wanted, system: found.system_prompt, template: found.prompt_template };
}

const placeholder = /\{(\w+)\}/g;

/** In one pass: an answer that holds {answer_b} stays as it is. */
export const fillTemplate = (template: string, answers: Answers): string =>
  template.replace(placeholder, (whole, name: string) => answers[name] ?? whole);

async function readPromptFile(path: string): Promise<ReturnType<typeof line.parse>[]> {
  const lines = (await readTextFile(path, mostBytes)).split("\n");
  return lines.flatMap((text, i) => {
    if (text.trim() === "") return [];
    const { data } = line.safeParse(jsonOf(text));
    if (data === undefined)
      throw new DynamoError(
        "invalid-file",
        `${path}:${i + 1}: expected {"name", "type": "pairwise" or "single", "system_prompt", "prompt_template"}`,
      );
    return [data];
  });
}
