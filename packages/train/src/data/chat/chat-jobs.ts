/** Conversations in groups that are worth sending to another thread, as the texts of their segments. */
import { splitOf, type Split } from "../split.js";
import { conversationOf } from "./conversations.js";
import { jsonRecords } from "./json-records.js";
import { renderConversation, type RenderOptions } from "./render-conversation.js";

export interface ConversationPiece {
  readonly split: Split;
  readonly answers: number;
  /** UTF-8 bytes of the rendered text. */
  readonly bytes: number;
}

export interface ChatJob {
  /**
   * Of each conversation its text, and the beginnings of that text which end where an answer begins and where it ends: tokens
   * are those of the whole text, and the beginnings say which of them are an answer's.
   */
  readonly texts: readonly string[];
  readonly conversations: readonly ConversationPiece[];
  /** Records left out because a question or an answer is blank. */
  readonly blank: number;
  readonly bytesRead: number;
}

const jobCharacters = 2 ** 17;

/**
 * Everything of a file in the order of its records. What is before the first answer decides the side of a conversation: the
 * same question is never trained on and held out.
 */
export async function* chatJobs(
  files: readonly string[],
  heldOutFraction: number,
  options: Omit<RenderOptions, "place">,
): AsyncGenerator<ChatJob> {
  let texts: string[] = [];
  let conversations: ConversationPiece[] = [];
  let [characters, blank, read] = [0, 0, 0];
  for await (const { value, place, bytesRead } of jsonRecords(files)) {
    read = bytesRead;
    const messages = conversationOf(value, place);
    if (messages === undefined) {
      blank++;
      continue;
    }
    const rendered = renderConversation(messages, { ...options, place });
    const question = rendered[0]?.text.slice(0, rendered[0].answers[0]?.from) ?? "";
    const split = splitOf(question, heldOutFraction);
    for (const { text, answers } of rendered) {
      conversations.push({ split, answers: answers.length, bytes: Buffer.byteLength(text, "utf8") });
      const beginnings = answers.flatMap(({ from, to }) => [text.slice(0, from), text.slice(0, to)]);
      texts.push(text, ...beginnings);
      characters += beginnings.reduce((sum, each) => sum + each.length, text.length);
    }
    if (characters < jobCharacters) continue;
    yield { texts, conversations, blank, bytesRead };
    [texts, conversations, characters, blank] = [[], [], 0, 0];
  }
  if (conversations.length > 0 || blank > 0) yield { texts, conversations, blank, bytesRead: read };
}
