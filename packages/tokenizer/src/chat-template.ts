/** Chat templates: Jinja2 as transformers sets it up, in ./jinja. Templates come from model files, so they are not trusted. */
import { DynamoError } from "@dynamo/core";
import {
  callback,
  checkOptions,
  flag,
  isPlainObject,
  listOf,
  text,
  valueCheck,
  type OptionChecks,
} from "@dynamo/core/options";
import { isObject, maxTemplateCharacters, type Json } from "./files.js";
import { TemplateError } from "./jinja/errors.js";
import { compileTemplate, type CompiledTemplate } from "./jinja/template.js";

/** One message of a conversation. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  /** Who of a role speaks, for templates that show it. */
  readonly name?: string;
}

/** A message with whatever else the model's template reads: `tool_calls`, `name`, lists as content. JSON's values only. */
export type TemplateMessage = ChatMessage | Readonly<Record<string, unknown>>;

/** Options of rendering a conversation. */
export interface ChatTemplateOptions {
  /** End with the beginning of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Functions that the model may call, as JSON schemas. A template of the name `tool_use` is taken when there is one. */
  readonly tools?: readonly object[];
  /** What the answer should rest on, for templates that read it. */
  readonly documents?: readonly object[];
  /** More variables for the template, e.g. `enable_thinking`; they go before the special tokens of the same names. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** A template's name, where the model has several. Default: `tool_use` with tools, else `default`. */
  readonly template?: string;
  /** The time for templates that show the date. Default: the clock. */
  readonly now?: () => Date;
}

/**
 * Throws `unsupported` without a template, `invalid-file` for one that cannot be parsed, `invalid-argument` for messages that it
 * refuses, with the template's own words, and `context-length` for those with which it takes more steps or text than it may.
 */
export type ApplyChatTemplate = (messages: readonly TemplateMessage[], options?: ChatTemplateOptions) => string;

const objects = (what: string) =>
  listOf(valueCheck<object>("an object", isPlainObject), `a list of ${what}, each an object`);

const optionChecks: OptionChecks<ChatTemplateOptions> = {
  addGenerationPrompt: flag,
  tools: objects("tools"),
  documents: objects("documents"),
  variables: valueCheck("an object of the template's variables", isPlainObject),
  template: text,
  now: callback<() => Date>(),
};

/** The named templates of a model: one alone is `default`. Their texts, from the file and then from tokenizer_config.json. */
export function chatTemplates(
  config: Json,
  text: string | undefined,
  additional: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, string> {
  const own = config["chat_template"];
  const listed =
    text !== undefined
      ? [["default", text] as const]
      : typeof own === "string"
        ? [["default", own] as const]
        : named(own);
  return new Map([...listed, ...Object.entries(additional)]);
}

/** `[{ name, template }, …]`, the form of models with several. */
function named(value: unknown): (readonly [string, string])[] {
  if (value === undefined || value === null) return [];
  const entries: unknown[] = Array.isArray(value) ? value : [value];
  return entries.map((entry) => {
    if (!isObject(entry) || typeof entry["name"] !== "string" || typeof entry["template"] !== "string")
      throw new DynamoError(
        "invalid-file",
        "tokenizer_config.json: expected chat_template to be a text, or a list of { name, template }",
      );
    return [entry["name"], entry["template"]] as const;
  });
}

/** Renders with the special tokens of tokenizer_config.json as variables. */
export function applyTemplates(config: Json, templates: ReadonlyMap<string, string>): ApplyChatTemplate {
  const special = specialTokens(config);
  const compiled = new Map<string, CompiledTemplate>();

  return (messages, options = {}) => {
    checkOptions("applyChatTemplate()", options, optionChecks);
    const { addGenerationPrompt = true, tools, documents, variables = {}, now } = options;
    checkMessages(messages);
    const name = options.template ?? (tools !== undefined && templates.has("tool_use") ? "tool_use" : "default");
    const given = { messages, tools, documents, add_generation_prompt: addGenerationPrompt };
    checkVariables(variables, options);
    return guarded(() => {
      const template = compiled.get(name) ?? compile(templates, name);
      compiled.set(name, template);
      return template(
        { tools: null, documents: null, ...special, ...defined(given), ...variables },
        now === undefined ? {} : { now },
      );
    });
  };
}

function compile(templates: ReadonlyMap<string, string>, name: string): CompiledTemplate {
  const source = templates.get(name);
  if (source === undefined && templates.size === 0)
    throw new DynamoError(
      "unsupported",
      "this model has no chat template: expected chat_template in tokenizer_config.json, or chat_template.jinja",
    );
  if (source === undefined)
    throw new DynamoError(
      "invalid-argument",
      `expected the name of a chat template of this model (${[...templates.keys()].join(", ")}), received "${name}"`,
    );
  if (source.length > maxTemplateCharacters)
    throw new DynamoError(
      "invalid-file",
      `the chat template has ${source.length} characters, expected at most ${maxTemplateCharacters}`,
    );
  return compileTemplate(source);
}

const codes = {
  syntax: "invalid-file",
  // A template that ends for one conversation is not to blame for another.
  limit: "context-length",
  unsupported: "unsupported",
  raised: "invalid-argument",
  failed: "invalid-argument",
} as const;

function guarded(render: () => string): string {
  try {
    return render();
  } catch (error) {
    if (error instanceof TemplateError) {
      const place = error.line === undefined ? "" : ` at line ${error.line}`;
      // What the template itself says is said to whoever wrote the messages.
      const message =
        error.kind === "raised"
          ? error.message || "the chat template refuses these messages"
          : `the chat template failed${place}: ${error.message}`;
      throw new DynamoError(codes[error.kind], message, { cause: error });
    }
    if (error instanceof RangeError)
      throw new DynamoError("invalid-file", "the chat template failed: it nests too deeply", { cause: error });
    throw error;
  }
}

function checkMessages(messages: unknown): void {
  const wrong = Array.isArray(messages) ? messages.findIndex((message: unknown) => !isObject(message)) : 0;
  if (Array.isArray(messages) && wrong === -1) return;
  const received: unknown = Array.isArray(messages) ? messages[wrong] : messages;
  throw new DynamoError(
    "invalid-argument",
    `expected messages to be a list of { role, content }, received ${received === null ? "null" : `a ${typeof received}`}${Array.isArray(messages) ? ` at ${wrong}` : ""}`,
  );
}

const places = {
  messages: undefined,
  tools: "tools",
  documents: "documents",
  add_generation_prompt: "addGenerationPrompt",
} as const;

/** A variable has one value: what an option says is not said again. */
function checkVariables(variables: Readonly<Record<string, unknown>>, options: ChatTemplateOptions): void {
  for (const [name, option] of Object.entries(places))
    if (Object.hasOwn(variables, name) && (option === undefined || options[option] !== undefined))
      throw new DynamoError(
        "invalid-argument",
        `variables.${name}: expected ${option ?? name} to be given once, outside variables`,
      );
}

const defined = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const specialNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/** Texts of the special tokens that there are: a template may ask which. */
function specialTokens(config: Json): Record<string, string> {
  return Object.fromEntries(
    specialNames.flatMap((name) => {
      const value = config[name];
      const text = isObject(value) ? value["content"] : value;
      return typeof text === "string" ? [[name, text] as const] : [];
    }),
  );
}
