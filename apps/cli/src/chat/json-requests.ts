/** `dynamo chat --json`: a line of standard input asks, a line of standard output answers. */
import { DynamoError } from "@dynamo/core";
import type { ChatMessage } from "@dynamo/tokenizer";

/** A conversation of its own, or the next message of the running one. */
export type ChatRequest = { readonly messages: readonly ChatMessage[] } | { readonly content: string };

const roles: readonly unknown[] = ["system", "user", "assistant"];

/** Throws `invalid-argument` with the line's number for anything else. */
export function parseRequest(line: string, number: number): ChatRequest {
  const fail = (message: string, cause?: unknown): never => {
    throw new DynamoError("invalid-argument", `line ${number} of standard input: ${message}`, { cause });
  };
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    return fail("expected JSON", cause);
  }
  if (typeof json === "string")
    return json.trim() === "" ? fail("expected a message, received none") : { content: json };
  const messages = Array.isArray(json) ? json : (json as { messages?: unknown } | null)?.messages;
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isMessage))
    return fail('expected a text, or {"messages": [{"role": "user", "content": "…"}, …]}');
  if (messages.at(-1)?.role !== "user") return fail("expected the last message to be the user's");
  return { messages };
}

function isMessage(value: unknown): value is ChatMessage {
  const { role, content } = (value ?? {}) as Partial<Record<keyof ChatMessage, unknown>>;
  return roles.includes(role) && typeof content === "string";
}
