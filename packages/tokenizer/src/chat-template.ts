/** Chat templates: Jinja, rendered by @huggingface/jinja. Templates come from model files, so they are not trusted. */
import { Template } from "@huggingface/jinja";
import { DynamoError } from "@dynamo/core";
import { maxTemplateCharacters, type Json } from "./files.js";

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface ChatTemplateOptions {
  /** End with the beginning of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** More variables for the template. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

export type ApplyChatTemplate = (messages: readonly ChatMessage[], options?: ChatTemplateOptions) => string;

/** Renders with the template file's text or tokenizer_config.json's `chat_template`; without either it throws `unsupported`. */
export function chatTemplate(config: Json, text: string | undefined): ApplyChatTemplate {
  const source = text ?? namedTemplate(config["chat_template"]);
  const special = Object.fromEntries(
    ["bos_token", "eos_token", "unk_token", "pad_token"].map((name) => [name, specialText(config[name])]),
  );
  let template: Template | undefined;
  return (messages, { addGenerationPrompt = true, variables = {} } = {}) => {
    if (source === undefined) {
      throw new DynamoError(
        "unsupported",
        "this model has no chat template: expected chat_template in tokenizer_config.json, or chat_template.jinja",
      );
    }
    if (source.length > maxTemplateCharacters) {
      throw new DynamoError(
        "invalid-file",
        `the chat template has ${source.length} characters, expected at most ${maxTemplateCharacters}`,
      );
    }
    try {
      template ??= new Template(source);
      return template.render({ ...special, ...variables, messages, add_generation_prompt: addGenerationPrompt });
    } catch (cause) {
      throw new DynamoError(
        "invalid-file",
        `the chat template failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  };
}

/** One template, or a list of named ones of which `default` counts. */
function namedTemplate(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const found: unknown = value.find((entry: unknown) => (entry as { name?: unknown } | null)?.name === "default");
  const { template } = (found ?? {}) as { template?: unknown };
  return typeof template === "string" ? template : undefined;
}

function specialText(value: unknown): string {
  if (typeof value === "string") return value;
  const { content } = (value ?? {}) as { content?: unknown };
  return typeof content === "string" ? content : "";
}
