/** A file of texts that `completions` wrote, read again to be judged and measured. */
import { createHash } from "node:crypto";
import { DynamoError } from "@dynamo/core";
import { jointKinds } from "@dynamo/decode";
import {
  array,
  boolean,
  enum as oneOf,
  int,
  literal,
  looseObject,
  number,
  object,
  record,
  string,
  tuple,
  type ZodType,
} from "zod";
import type { Estimate } from "../statistics/intervals.js";
import { jsonOf, readTextFile } from "../text-file.js";
import type { OpenPrompt } from "./prompts.js";
import type { Setting } from "./write-text.js";

/** What later steps need of a file of texts. */
export interface TextsFile {
  readonly prompts: readonly OpenPrompt[];
  readonly base: readonly PromptTextsRead[];
  readonly settings: readonly SettingRead[];
  /** SHA-256 of the file. */
  readonly hash: string;
}

export interface PromptTextsRead {
  readonly prompt: number;
  readonly texts: readonly { readonly seed: number; readonly text: string; readonly tokens: number }[];
}

export interface SettingRead {
  readonly setting: Setting;
  readonly speedup: Estimate | null;
  readonly speedupByType: Readonly<Record<string, Estimate>>;
  readonly prompts: readonly PromptTextsRead[];
}

/** A sweep of 51 settings of 1,000 texts each has some 50 MiB. */
const mostBytes = 512 * 2 ** 20;

const estimate = object({ value: number(), interval: tuple([number(), number()]).nullable() });
const promptTexts = object({
  prompt: int().min(0),
  texts: array(object({ seed: int(), text: string(), tokens: int().min(0) })),
});
const share = number().min(0).max(1).optional();
const setting = object({
  strategy: oneOf(["dynamo", "verified", "autoregressive"]),
  temperature: number().min(0).optional(),
  joint: oneOf(jointKinds).optional(),
  ...{ backoff: share, maskStrength: share, adaptive: boolean().optional(), blur: boolean().optional() },
});
const summary = object({
  prompts: array(object({ id: string(), type: string(), text: string(), chat: boolean() })),
  base: array(promptTexts),
  settings: array(
    object({
      setting,
      speedup: estimate.nullable(),
      speedupByType: record(string(), estimate),
      prompts: array(promptTexts),
    }),
  ),
}) satisfies ZodType<Omit<TextsFile, "hash">>;
const file = looseObject({ kind: literal("completions"), summary });

/** Throws `not-found`, and `invalid-file` for what is no file of texts. */
export async function readTexts(path: string): Promise<TextsFile> {
  const text = await readTextFile(path, mostBytes);
  const { data, error } = file.safeParse(jsonOf(text));
  if (data === undefined) {
    const [issue] = error.issues;
    throw new DynamoError(
      "invalid-file",
      `${path}: expected results of \`dynamo eval completions\`, ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
    );
  }
  return { ...data.summary, hash: createHash("sha256").update(text).digest("hex") };
}
