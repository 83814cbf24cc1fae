/** Messages that are plainly right, without their schema: long conversations are read on the thread that answers everybody. */

/** A message as its schema reads it, without the members that are ignored. */
export interface QuickMessage {
  readonly data: {
    readonly role: "system" | "developer" | "user" | "assistant";
    readonly content?: string | { readonly type: "text"; readonly text: string }[];
    readonly name?: string;
  };
}

type Valid = (value: unknown) => boolean;

const anything: Valid = () => true;
const nothing: Valid = (value) => value === null;
const noText: Valid = (value) => value === null || value === "";
const noItems: Valid = (value) => value === null || (Array.isArray(value) && value.length === 0);

/** Members of a message that say nothing, and the values with which they do. */
const silent: ReadonlyMap<string, Valid> = new Map([
  ...["annotations", "id"].map((name) => [name, anything] as const),
  ...["tool_call_id", "function_call", "audio"].map((name) => [name, nothing] as const),
  ...["refusal", "reasoning", "reasoning_content"].map((name) => [name, noText] as const),
  ...["tool_calls", "images", "reasoning_details"].map((name) => [name, noItems] as const),
]);
const silentInPart = new Set(["annotations", "cache_control", "prompt_cache_breakpoint"]);
const mostNameCharacters = 500;

/** Undefined for what only the schema can read, or say what is wrong with. */
export function quickMessage(value: unknown): QuickMessage | undefined {
  if (!isObject(value)) return undefined;
  const { role, content, name } = value;
  if (role !== "user" && role !== "assistant" && role !== "system" && role !== "developer") return undefined;
  for (const key in value)
    if (key !== "role" && key !== "content" && key !== "name" && silent.get(key)?.(value[key]) !== true)
      return undefined;
  const text = role === "assistant" ? (content ?? "") : content;
  if (typeof text !== "string" && !isParts(text)) return undefined;
  if (name === undefined || name === null) return { data: { role, content: text } };
  if (typeof name !== "string" || name.length > mostNameCharacters) return undefined;
  return { data: { role, content: text, name } };
}

const isParts = (value: unknown): value is { type: "text"; text: string }[] =>
  Array.isArray(value) && value.every(isPart);

function isPart(value: unknown): boolean {
  if (!isObject(value) || value["type"] !== "text" || typeof value["text"] !== "string") return false;
  for (const key in value) if (key !== "type" && key !== "text" && !silentInPart.has(key)) return false;
  return true;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
