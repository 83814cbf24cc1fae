/** How likely texts are after their prompts, under a local scorer's head 1. */
import type { LoadedModel } from "@dynamo/model";
import { scoreContinuations } from "../log-likelihood.js";

/** Nats per token, in the order of the texts, negative; null for an empty one. */
export async function scoreTexts(
  scorer: LoadedModel,
  texts: readonly { readonly context: string; readonly text: string }[],
  signal: AbortSignal,
): Promise<(number | null)[]> {
  const items = texts.flatMap(({ context, text }) => (text === "" ? [] : [{ context, continuation: text }]));
  const scores = (await scoreContinuations(scorer, items, { signal })).values();
  return texts.map(({ text }) => {
    const score = text === "" ? undefined : scores.next().value;
    return score === undefined ? null : score.logLikelihood / score.tokens;
  });
}
