/** What people call instruction data, as conversations: Alpaca, Dolly, chat messages, ShareGPT. */
import { DynamoError } from "@dynamo/core";
import type { ChatMessage } from "@dynamo/tokenizer";

/** Conversations of public sets have some tens of turns. */
const maxMessages = 1024;

type Fields = Readonly<Record<string, unknown>>;

const roles: Readonly<Record<string, string>> = {
  system: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
  chatgpt: "assistant",
};

const expected =
  'expected {"messages": [{"role", "content"}]}, {"conversations": [{"from", "value"}]}, {"instruction", "input", "output"} or {"instruction", "context", "response"}';

/**
 * The messages of a record, trimmed, up to its last answer; undefined when a question or an answer is blank. `place` names
 * the record in errors. Throws `invalid-file` for a record of no known form, an unknown role, and one without an answer.
 */
export function conversationOf(record: unknown, place: string): ChatMessage[] | undefined {
  const fail = (message: string): never => {
    throw new DynamoError("invalid-file", `${place}: ${message}`);
  };
  if (typeof record !== "object" || record === null || Array.isArray(record))
    return fail(`${expected}, received ${JSON.stringify(record).slice(0, 50)}`);
  const messages = messagesOf(record as Fields, fail);
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  if (last === -1) return fail("expected an answer: a message of the assistant");
  const whole = messages.slice(0, last + 1).filter(({ role, content }) => role !== "system" || content !== "");
  return whole.some(({ content }) => content === "") ? undefined : whole;
}

type Fail = (message: string) => never;

function messagesOf(fields: Fields, fail: Fail): ChatMessage[] {
  if (fields["messages"] !== undefined) return listed(fields["messages"], "messages", fail);
  if (fields["conversations"] !== undefined) return listed(fields["conversations"], "conversations", fail);
  if (fields["instruction"] === undefined) return fail(`${expected}, received the fields ${named(fields)}`);
  const answer = fields["output"] === undefined ? "response" : "output";
  if (fields[answer] === undefined) return fail(`expected output or response, received the fields ${named(fields)}`);
  const more = fields["input"] === undefined ? "context" : "input";
  const [question, rest] = [textIn(fields, "instruction", fail), textIn({ [more]: "", ...fields }, more, fail)];
  return [
    { role: "user", content: rest === "" ? question : `${question}\n\n${rest}` },
    { role: "assistant", content: textIn(fields, answer, fail) },
  ];
}

function listed(value: unknown, name: string, fail: Fail): ChatMessage[] {
  if (!Array.isArray(value) || value.length > maxMessages)
    return fail(`${name}: expected a list of at most ${maxMessages}`);
  return value.map((entry: unknown, i) => {
    const at: Fail = (message) => fail(`${name}[${i}]: ${message}`);
    if (typeof entry !== "object" || entry === null) return at("expected an object with role and content");
    const fields = entry as Fields;
    const said = textIn(fields, fields["role"] === undefined ? "from" : "role", at);
    const role = Object.hasOwn(roles, said) ? roles[said] : undefined;
    if (role === undefined)
      return at(`expected a role of ${Object.keys(roles).join(", ")}, received ${JSON.stringify(said.slice(0, 50))}`);
    return { role, content: textIn(fields, fields["content"] === undefined ? "value" : "content", at) };
  });
}

function textIn(fields: Fields, name: string, fail: Fail): string {
  const value = fields[name];
  if (typeof value === "string") return value.trim();
  return fail(
    `${name}: expected text, received ${value === undefined ? "nothing" : JSON.stringify(value).slice(0, 50)}`,
  );
}

const named = (fields: Fields): string => Object.keys(fields).slice(0, 10).join(", ") || "of an empty object";
