/** A conversation's messages: what clients write, and what servers answered, sent back as history. */
import {
  array,
  discriminatedUnion,
  literal,
  NEVER,
  strictObject,
  string,
  toJSONSchema,
  enum as oneOf,
  union,
  unknown,
  type core,
  type infer as Infer,
  type ZodError,
  type ZodType,
} from "zod";
import { ignored, only, open, refused } from "./fields.js";
import { quickMessage } from "./quick-message.js";

const none = array(unknown()).max(0);
const empty = literal("");

const textPart = strictObject({
  type: literal("text", { error: 'only parts of type "text" are supported' }),
  text: string(),
  annotations: ignored("sources of a text"),
  cache_control: ignored("prompts that begin alike share what was computed anyway"),
  prompt_cache_breakpoint: ignored("prompts that begin alike share what was computed anyway"),
});

const content = union([string(), array(textPart)]);

/** Members of an answer's message that are empty where a model writes text only. */
const answered = {
  refusal: only(empty, 'null or ""', "no model here refuses"),
  tool_calls: only(none, "null or []", "there are no tools"),
  tool_call_id: refused("there are no tools"),
  function_call: refused("there are no tools"),
  audio: refused("there is only text"),
  images: only(none, "null or []", "there is only text"),
  reasoning: only(empty, 'null or ""', "no reasoning stands beside the text"),
  reasoning_content: only(empty, 'null or ""', "no reasoning stands beside the text"),
  reasoning_details: only(none, "null or []", "no reasoning stands beside the text"),
  annotations: ignored("sources of a text"),
  id: ignored("templates do not show it"),
};

const name = open(string().max(500)).describe("For templates that use it.");
const roles = ["system", "developer", "user"] as const;

export const chatMessage = discriminatedUnion(
  "role",
  [
    strictObject({ role: oneOf(roles), content, name, ...answered }),
    strictObject({
      role: literal("assistant"),
      content: open(content).describe("Null is an empty text."),
      name,
      ...answered,
    }),
  ],
  { error: `expected a message of the role ${roles.join(", ")} or assistant: there are no tools` },
);

export type ChatMessageBody = Infer<typeof chatMessage>;

const rawIssues = (error: ZodError | undefined, input: unknown, ...place: number[]): core.$ZodRawIssue[] =>
  (error?.issues ?? []).map((issue) => ({ ...issue, input, path: [...place, ...issue.path] }) as core.$ZodRawIssue);

interface Read {
  readonly data?: ChatMessageBody | undefined;
  readonly error?: ZodError | undefined;
}

const read = (input: unknown): Read => (quickMessage(input) as Read | undefined) ?? chatMessage.safeParse(input);

/** More than any context holds. */
const mostMessages = 10_000;

const { $schema: _dialect, ...messagesJson } = toJSONSchema(array(chatMessage).min(1).max(mostMessages), {
  io: "input",
});
const counted = array(unknown()).min(1).max(mostMessages);

/**
 * A conversation. The schema of a message takes 7 to 254 ms for 10,000 of them, much of it collecting garbage, on the thread that passes on everybody's text: it
 * reads only those that are not plainly right, and none behind the first that is wrong.
 */
export const chatMessages: ZodType<ChatMessageBody[]> = unknown()
  .meta(messagesJson)
  .transform((value, { issues }) => {
    const { data: given, error } = counted.safeParse(value);
    if (given === undefined) {
      issues.push(...rawIssues(error, value));
      return NEVER;
    }
    const messages: ChatMessageBody[] = [];
    for (const [index, input] of given.entries()) {
      const { data: message, error: fault } = read(input);
      if (message === undefined) {
        issues.push(...rawIssues(fault, input, index));
        return NEVER;
      }
      messages.push(message);
    }
    return messages;
  });
