/** Conversations in groups that are worth sending to another thread, as the texts of their segments. */
import { splitOf, type Split } from "../split.js";
import { conversationOf } from "./conversations.js";
import { jsonRecords } from "./json-records.js";
import { segmentsOf, type SegmentOptions } from "./segments.js";

export interface ConversationPiece {
  readonly split: Split;
  /** Whether each of its segments counts. */
  readonly counted: readonly boolean[];
  /** UTF-8 bytes of the rendered text. */
  readonly bytes: number;
}

export interface ChatJob {
  /** The segments of all conversations. */
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
  options: Omit<SegmentOptions, "place">,
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
    const segments = segmentsOf(messages, { ...options, place });
    const own = segments.map(({ text }) => text);
    conversations.push({
      split: splitOf(own[0] as string, heldOutFraction),
      counted: segments.map(({ counted }) => counted),
      bytes: own.reduce((sum, text) => sum + Buffer.byteLength(text, "utf8"), 0),
    });
    texts.push(...own);
    characters += own.reduce((sum, text) => sum + text.length, 0);
    if (characters < jobCharacters) continue;
    yield { texts, conversations, blank, bytesRead };
    [texts, conversations, characters, blank] = [[], [], 0, 0];
  }
  if (conversations.length > 0 || blank > 0) yield { texts, conversations, blank, bytesRead: read };
}
