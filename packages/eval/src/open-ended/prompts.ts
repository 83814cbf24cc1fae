/** Prompts of open-ended text: the paper's sentence-completion benchmark, and questions from a file. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { DynamoError } from "@dynamo/core";
import { array, int, object, string, union } from "zod";
import { checkFileSize, jsonOf } from "../text-file.js";

/** A prompt of open-ended text. */
export interface OpenPrompt {
  readonly id: string;
  /** The benchmark's sentence type, or a question's category. */
  readonly type: string;
  readonly text: string;
  /** A question to a chat model, in the model's template; else text that the model continues. */
  readonly chat: boolean;
}

/** What a scorer reads before the text: a question has no template there, because the scorer may have another one. */
export const contextOf = ({ text, chat }: OpenPrompt): string => (chat ? `${text}\n\n` : text);

const sentences: readonly (readonly [type: string, ...prompts: string[]])[] = [
  ["simple declarative", "I am a student at the", "This is going to be a very"],
  ["compound declarative", "He wanted to play, but"],
  ["W/H interrogative", "How can we", "What will"],
  ["yes/no interrogative", "Will you"],
  ["affirmative imperative", "Please explain"],
  ["negative imperative", "Do not"],
  ["exclamatory", "Wow! I can't believe that", "This is amazing! We"],
];

/** Ten prompts over seven sentence types (Tuli et al. 2024, appendix). */
export const sentenceCompletion: readonly OpenPrompt[] = sentences
  .flatMap(([type, ...texts]) => texts.map((text) => ({ type, text, chat: false })))
  .map((prompt, i) => ({ id: String(i + 1), ...prompt }));

/** FastChat's questions, of which the first turn is asked, or prompts to continue. */
const line = union([
  object({ question_id: int(), category: string().min(1), turns: array(string().min(1)).min(1) }),
  object({ prompt: string().min(1), type: string().min(1).optional() }),
]);

/** Question files are small: this many bytes hold thousands of them. */
const mostBytes = 16 * 2 ** 20;

/**
 * A JSON object a line: `{"question_id", "category", "turns"}` (FastChat's form) or `{"prompt", "type"}`. Throws
 * `not-found`, and `invalid-file` naming the line that is neither.
 */
export async function readPrompts(file: string): Promise<OpenPrompt[]> {
  await checkFileSize(file, mostBytes);
  const prompts: OpenPrompt[] = [];
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number++;
    if (text.trim() !== "") prompts.push(promptOf(text, `${file}:${number}`, number));
  }
  if (prompts.length === 0) throw new DynamoError("invalid-file", `${file} has no prompt`);
  return prompts;
}

function promptOf(text: string, place: string, number: number): OpenPrompt {
  const { data } = line.safeParse(jsonOf(text));
  if (data === undefined)
    throw new DynamoError(
      "invalid-file",
      `${place}: expected {"question_id", "category", "turns": ["…"]} or {"prompt", "type"}`,
    );
  if ("prompt" in data) return { id: String(number), type: data.type ?? "all", text: data.prompt, chat: false };
  return { id: String(data.question_id), type: data.category, text: data.turns[0] ?? "", chat: true };
}
