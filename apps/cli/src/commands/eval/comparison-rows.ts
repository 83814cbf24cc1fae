/** What the comparing verbs share: options of the writing, and a comparison's rows in the words of a table. */
import { estimateText, percentText, wayText, type ComparisonRow } from "@dynamo/eval";
import type { Row } from "./columns.js";
import type { EvalOptions, WritingOptions } from "../../schemas/evaluation.js";

export interface Writing extends Omit<WritingOptions, keyof EvalOptions | "seeds"> {
  readonly seeds: readonly number[];
}

export function writingOf(options: WritingOptions): Writing {
  const { questions, scorer, temperature, topK, repetitionPenalty, maxNewTokens, seeds, stopAtEndOfText } = options;
  return {
    ...(questions === undefined ? {} : { questions }),
    ...(scorer === undefined ? {} : { scorer }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topK === undefined ? {} : { topK }),
    ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
    ...{ maxNewTokens, stopAtEndOfText, seeds: Array.from({ length: seeds }, (_, i) => i) },
  };
}

export const rowOf = ({ way, ...row }: ComparisonRow): Row => ({
  strategy: wayText(way),
  "tokens per pass": row.tokensPerPass.toFixed(2),
  "more FLOPs per token": percentText(row.flopsOverhead),
  "speed-up (95 %)": estimateText(row.speedup),
  "nats per token": estimateText(row.logLikelihood),
  "to the base's": estimateText(row.difference),
  "passes by order": row.orders.join(" / "),
});
