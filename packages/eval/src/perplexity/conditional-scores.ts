/** What heads 2, 3, … say behind the true tokens between: by conditional heads or parts, else by the model's counts. */
import type { Feed, ForwardResult, KvCache, LanguageModel } from "@dynamo/core";
import { countStrength } from "@dynamo/decode";

/** The logits of one pass over some texts. */
export interface Pass {
  readonly feeds: readonly Required<Pick<Feed, "tokens" | "positions">>[];
  readonly candidates: ForwardResult["candidates"];
  /** [text, positions of the longest, heads, vocabulary] */
  readonly logits: Float32Array;
}

/** The natural logarithm of head `head`'s (from 0) probability of its target at a position, behind the targets before it. */
export type ScoreBehind = (row: number, position: number, head: number) => number;

/** `targetsOf` gives the tokens behind a text's position, as many as heads or fewer. */
export async function scoreBehind(
  model: LanguageModel,
  cache: KvCache,
  pass: Pass,
  targetsOf: (row: number, position: number) => Int32Array,
  signal: AbortSignal,
): Promise<ScoreBehind | undefined> {
  const { tokenHeads, vocabularySize, conditionalHeads = false } = model.info;
  if (tokenHeads === 1) return undefined;
  const width = Math.max(...pass.feeds.map(({ positions }) => positions));
  const logitsOf = (logits: Float32Array, row: number, position: number, head: number): Float32Array => {
    const at = ((row * width + position) * tokenHeads + head) * vocabularySize;
    return logits.subarray(at, at + vocabularySize);
  };
  if (conditionalHeads) {
    const logits = await teacherForced(model, cache, pass, targetsOf, signal);
    return (row, position, head) =>
      logProbability(logitsOf(logits, row, position, head), targetsOf(row, position)[head] as number);
  }
  const { cooccurrence: counts } = model;
  const hasParts = pass.candidates[0]?.[0]?.[1]?.conditional !== undefined;
  if (counts === undefined && !hasParts) return undefined;
  const lifts = new Float64Array(vocabularySize);
  return (row, position, head) => {
    const targets = targetsOf(row, position);
    const between = targets.subarray(0, head);
    const logits = logitsOf(pass.logits, row, position, head).slice();
    pass.candidates[row]?.[position]?.[head]?.conditional?.addBehind(between, undefined, logits);
    if (hasParts || counts === undefined) return logProbability(logits, targets[head] as number);
    counts.lifts(between, undefined, lifts);
    return logProbability(logits, targets[head] as number, lifts);
  };
}

/** The pass once more, its heads told the tokens that really follow. */
async function teacherForced(
  model: LanguageModel,
  cache: KvCache,
  { feeds }: Pass,
  targetsOf: (row: number, position: number) => Int32Array,
  signal: AbortSignal,
): Promise<Float32Array> {
  for (const row of feeds.keys()) cache.truncate(row, 0);
  const heads = model.info.tokenHeads;
  const told = feeds.map((feed, row) => ({
    ...feed,
    between: Array.from({ length: feed.positions }, (_, position) => targetsOf(row, position).subarray(0, heads - 1)),
  }));
  const { logits } = await model.forward(cache, told, { heads, topK: 1, logits: true, signal });
  return logits?.data as Float32Array;
}

/** log softmax(logits + α · log lifts) of a token, in float64. */
function logProbability(logits: Float32Array, token: number, lifts?: Float64Array): number {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  let own = NaN;
  for (let id = 0; id < logits.length; id++) {
    const lift = lifts === undefined ? 1 : (lifts[id] as number) ** countStrength;
    const weight = Math.exp((logits[id] as number) - most) * lift;
    sum += weight;
    if (id === token) own = (logits[id] as number) - most + Math.log(lift);
  }
  return own - Math.log(sum);
}
