/**
 * Conversations as their template renders them, and where in the text the answers are that are learnt. An answer begins where the
 * template's generation prompt ends, so that training sees what chatting will, and ends with the special token behind it.
 */
import { DynamoError } from "@dynamo/core";
import type { ApplyChatTemplate, ChatMessage } from "@dynamo/tokenizer";

/** Characters of a text, [from, to). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface RenderedConversation {
  /** It ends with its last answer. */
  readonly text: string;
  /** With the tokens that end them, in order. */
  readonly answers: readonly Span[];
}

export interface RenderOptions {
  readonly template: ApplyChatTemplate;
  /** Texts of the special tokens: no message may have one. */
  readonly special: readonly string[];
  /** Names the record in errors. */
  readonly place: string;
}

/**
 * One text, or several where the template renders earlier answers otherwise when the conversation goes on, as those do that
 * leave out what was thought: then each text has the answers that stand in it as they were given. Throws `invalid-file` for a
 * message with a special token's text in it, and `invalid-argument` for a template that refuses the messages, changes an answer
 * or does not end it with a special token.
 */
export function renderConversation(messages: readonly ChatMessage[], options: RenderOptions): RenderedConversation[] {
  const { special, place } = options;
  for (const { role, content } of messages) {
    const found = special.find((text) => content.includes(text));
    if (found !== undefined)
      throw new DynamoError("invalid-file", `${place}: the text of ${role} contains the special token ${found}`);
  }
  const done: { text: string; answers: Span[] }[] = [];
  for (const [i, { role }] of messages.entries()) {
    if (role !== "assistant") continue;
    const { text, answer } = renderAnswer(messages.slice(0, i + 1), options);
    const before = done.at(-1);
    if (before !== undefined && text.slice(0, answer.from).startsWith(before.text)) {
      before.text = text;
      before.answers.push(answer);
    } else done.push({ text, answers: [answer] });
  }
  return done;
}

/** The text up to the end of the answer that is the last message. */
function renderAnswer(
  messages: readonly ChatMessage[],
  { template, special, place }: RenderOptions,
): { readonly text: string; readonly answer: Span } {
  const render = (some: readonly ChatMessage[], addGenerationPrompt: boolean): string => {
    try {
      return template(some, { addGenerationPrompt });
    } catch (error) {
      throw DynamoError.is(error) ? new DynamoError(error.code, `${place}: ${error.message}`, { cause: error }) : error;
    }
  };
  const prompt = render(messages.slice(0, -1), true);
  const rendered = render(messages, false);
  if (!rendered.startsWith(prompt)) refuse(place, "renders the beginning of a conversation otherwise when it goes on");
  const ends = special.flatMap((token) => {
    const at = rendered.indexOf(token, prompt.length);
    return at === -1 ? [] : [{ at, to: at + token.length }];
  });
  const [end] = ends.sort((a, b) => a.at - b.at || b.to - a.to);
  if (end === undefined) return refuse(place, "does not end an answer with a special token, such as eos_token");
  // A template may put something before an answer, such as an empty thought: the model shall write that too.
  if (!bare(rendered.slice(prompt.length, end.at)).endsWith(bare(messages.at(-1)?.content ?? "")))
    refuse(place, "changes an answer");
  return { text: rendered.slice(0, end.to), answer: { from: prompt.length, to: end.to } };
}

/** Templates trim answers, and put thoughts on lines of their own. */
const bare = (text: string): string => text.replaceAll(/\s+/g, "");

function refuse(place: string, what: string): never {
  throw new DynamoError("invalid-argument", `the chat template ${what}; seen at ${place}`);
}
