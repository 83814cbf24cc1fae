/** A conversation's messages: what clients write, and what servers answered, sent back as history. */
import {
  array,
  discriminatedUnion,
  literal,
  strictObject,
  string,
  enum as oneOf,
  union,
  unknown,
  type infer as Infer,
} from "zod";
import { ignored, only, open, refused } from "./fields.js";

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
