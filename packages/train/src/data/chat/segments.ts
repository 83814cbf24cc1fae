/**
 * A conversation as its template renders it, cut into what is read and what is learnt: the answers, each with its end-of-text.
 * The cut before an answer is where the template's generation prompt ends, so that training sees what chatting will.
 */
import { DynamoError } from "@dynamo/core";
import type { ApplyChatTemplate, ChatMessage } from "@dynamo/tokenizer";

export interface Segment {
  readonly text: string;
  /** An answer with its end-of-text. */
  readonly counted: boolean;
}

export interface SegmentOptions {
  readonly template: ApplyChatTemplate;
  /** The text of the end-of-text token. */
  readonly endOfText: string;
  /** Texts of the special tokens: no message may have one. */
  readonly special: readonly string[];
  /** Names the record in errors. */
  readonly place: string;
}

/**
 * Uncounted and counted segments in turns. Throws `invalid-file` for a message with a special token's text in it, and
 * `invalid-argument` for a template that changes an answer, does not end it with end-of-text, or does not go on from what it
 * rendered before.
 */
export function segmentsOf(messages: readonly ChatMessage[], options: SegmentOptions): Segment[] {
  const { template, endOfText, special, place } = options;
  for (const { role, content } of messages) {
    const found = special.find((text) => content.includes(text));
    if (found !== undefined)
      throw new DynamoError("invalid-file", `${place}: the text of ${role} contains the special token ${found}`);
  }
  const segments: Segment[] = [];
  let done = "";
  for (const [i, { role, content }] of messages.entries()) {
    if (role !== "assistant") continue;
    const prompt = template(messages.slice(0, i), { addGenerationPrompt: true });
    const rendered = template(messages.slice(0, i + 1), { addGenerationPrompt: false });
    if (!prompt.startsWith(done) || !rendered.startsWith(prompt))
      refuse(place, "renders the beginning of a conversation otherwise when it goes on");
    const end = rendered.indexOf(endOfText, prompt.length);
    if (end === -1) refuse(place, `does not end an answer with ${endOfText}, the tokenizer's end-of-text (eos_token)`);
    const answer = rendered.slice(prompt.length, end);
    if (answer.trim() !== content.trim()) refuse(place, "changes an answer");
    const to = end + endOfText.length;
    segments.push({ text: prompt.slice(done.length), counted: false });
    segments.push({ text: rendered.slice(prompt.length, to), counted: true });
    done = rendered.slice(0, to);
  }
  return segments;
}

function refuse(place: string, what: string): never {
  throw new DynamoError("invalid-argument", `the chat template ${what}; seen at ${place}`);
}
