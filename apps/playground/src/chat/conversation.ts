/** A conversation as the page keeps it: questions, and answers pass by pass. */
import type { ChatMessage } from "@dynamo/tokenizer";
import type { Pass } from "../passes/pass.js";
import type { PassSource } from "../passes/pass-source.js";

export interface Turn {
  readonly question: string;
  readonly passes: readonly Pass[];
  /** Messages that were left out for want of room when this was answered. */
  readonly dropped: number;
  readonly error: string | undefined;
  /** Of the model that answered: another may have been chosen since. */
  readonly decode: PassSource["decode"];
}

export const newTurn = (question: string, decode: PassSource["decode"]): Turn => ({
  question,
  passes: [],
  dropped: 0,
  error: undefined,
  decode,
});

/** What was said so far and the new question. A question that failed before its answer began was not said. */
export function messagesOf(turns: readonly Turn[], question: string): ChatMessage[] {
  const said = turns
    .filter(({ passes }) => passes.length > 0)
    .flatMap((turn): ChatMessage[] => [
      { role: "user", content: turn.question },
      { role: "assistant", content: textOf(turn).trim() },
    ]);
  return [...said, { role: "user", content: question }];
}

export const textOf = ({ passes }: Pick<Turn, "passes">): string => passes.map(({ text }) => text).join("");
