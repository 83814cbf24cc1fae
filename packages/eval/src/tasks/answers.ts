/** Written answers against right ones: exact match as lm-evaluation-harness has it, and SQuAD 2.0's own normalisation. */
import type { Metrics } from "./metrics.js";

/** Python's string.punctuation. */
const punctuation = /[!-/:-@[-`{-~]/g;
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

const plain = (text: string): string => text.toLowerCase().replaceAll(punctuation, "");

/** Letters alone count, not their case, nor punctuation; spaces around what was written do not. */
export function exactMatch(written: string, answers: readonly string[]): number {
  const own = plain(written.trim());
  return Number(answers.some((answer) => plain(answer) === own));
}

/** Lower case, without punctuation and articles, single spaces: SQuAD's `normalize_answer` (Rajpurkar et al., 2016). */
export const normalizeAnswer = (text: string): string =>
  plain(text).replaceAll(articles, " ").trim().split(/\s+/).join(" ");

/** F1 of the words of two normalised answers; of an empty one, whether both are. */
export function wordF1(written: string, answer: string): number {
  const own = wordsOf(written);
  const right = wordsOf(answer);
  if (own.length === 0 || right.length === 0) return Number(own.length === right.length);
  const left = new Map<string, number>();
  for (const word of right) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of own) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    same++;
    left.set(word, count - 1);
  }
  return (2 * same) / (own.length + right.length);
}

const wordsOf = (text: string): string[] => {
  const normal = normalizeAnswer(text);
  return normal === "" ? [] : normal.split(" ");
};

/**
 * The best over the right answers, also by whether there is one (HasAns, NoAns); a question without an answer wants
 * nothing written. As SQuAD 2.0's script, which gives per cent: here shares.
 */
export function squadMetrics(written: string, answers: readonly string[]): Metrics {
  const right = answers.filter((answer) => normalizeAnswer(answer) !== "");
  const golds = right.length === 0 ? [""] : right;
  const own = normalizeAnswer(written);
  const exact = Number(golds.some((gold) => normalizeAnswer(gold) === own));
  const f1 = Math.max(...golds.map((gold) => wordF1(written, gold)));
  const part = answers.length > 0 ? "HasAns" : "NoAns";
  return { exact, f1, [`${part}_exact`]: exact, [`${part}_f1`]: f1 };
}
