/** A streamed answer, event by event: text, the pass that gave it, the end, or an error midway. */
import { DynamoError } from "@dynamo/core";
import { checkValue, oneOf, text } from "@dynamo/core/options";
import { array, int, number, object, preprocess, string, union, type infer as Infer } from "zod";
import { check, mostQuoted, parseJson } from "./check.js";
import { wirePass } from "./pass.js";

/** Above a pass of the largest model: a line that is longer is no event of ours. */
export const mostEventCharacters = 4 * 2 ** 20;

/** A pass. Beside a stream's usage it says what the conversation has lost: nothing to show. */
const dynamo = preprocess(
  (value) => (typeof value === "object" && value !== null && "droppedMessages" in value ? undefined : value),
  wirePass.optional(),
);

const finish = { index: int().min(0).default(0), finish_reason: string().nullish() };

export const completionChunk = object({
  choices: array(object({ ...finish, text: string().default("") })),
  dynamo,
});

export const chatChunk = object({
  choices: array(object({ ...finish, delta: object({ content: string().nullish() }) })),
  dynamo,
});

export const errorBody = object({
  error: object({ message: string(), type: string().nullish(), code: union([string(), number()]).nullish() }),
});

/** A chunk of a streamed completion. */
export type CompletionChunk = Infer<typeof completionChunk>;
/** A chunk of a streamed chat answer. */
export type ChatChunk = Infer<typeof chatChunk>;
/** The body of an error. */
export type ErrorBody = Infer<typeof errorBody>;

/** Which of the two streams it is. */
export type StreamKind = "completion" | "chat";

const kindCheck = oneOf<StreamKind>("completion", "chat");

/** What one chunk of a stream says. */
export interface StreamEvent {
  readonly text: string;
  /** Set in the last chunk that has text or none. */
  readonly finishReason: string | undefined;
  /** Of a DynaMo server that was asked for a trace. */
  readonly pass: Infer<typeof wirePass> | undefined;
}

/**
 * The `data` of one server-sent event; "done" for the stream's last one. Throws `runtime` for an error that the server
 * tells, and for what is no event of this protocol.
 */
export function parseStreamEvent(kind: StreamKind, data: string): StreamEvent | "done" {
  checkValue("kind", kind, kindCheck);
  checkValue("data", data, text);
  if (data === "[DONE]") return "done";
  const json = parseJson(data, "the server's stream", "runtime");
  if (typeof json === "object" && json !== null && "error" in json) {
    throw new DynamoError("runtime", `the server reports: ${errorMessage(json) ?? "an error without a message"}`);
  }
  const what = "an event of the server's stream";
  if (kind === "chat") {
    const { choices, dynamo } = check(chatChunk, json, what, "runtime");
    return eventOf(choices[0]?.delta.content, choices[0]?.finish_reason, dynamo);
  }
  const { choices, dynamo } = check(completionChunk, json, what, "runtime");
  return eventOf(choices[0]?.text, choices[0]?.finish_reason, dynamo);
}

const eventOf = (
  text: string | null | undefined,
  finishReason: string | null | undefined,
  pass: StreamEvent["pass"],
): StreamEvent => ({ text: text ?? "", finishReason: finishReason ?? undefined, pass });

/** What an error body says, cut to a readable length; undefined for anything else. */
export function errorMessage(json: unknown): string | undefined {
  const { data } = errorBody.safeParse(json);
  return data === undefined ? undefined : data.error.message.slice(0, mostQuoted);
}
