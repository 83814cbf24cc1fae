/**
 * One prompt under a group of ways and under the base, all of them in turns: in a busy hour all are slow alike, so that a
 * ratio of their times says something about them and not about the hour.
 */
import { DynamoError, type Strategy } from "@dynamo/core";
import type { LoadedModel } from "@dynamo/model";
import type { EvalWorker } from "../evaluation.js";
import { countPasses, type CountedModel } from "../flops/count-passes.js";
import { readModelGraph } from "../flops/flops.js";
import { scoreContinuations } from "../log-likelihood.js";
import type { OpenPrompt } from "../open-ended/prompts.js";
import { writeText, type Sampling, type WrittenText } from "../open-ended/write-text.js";
import { strategyOfWay, type Way } from "./ways.js";

export interface GroupOptions {
  /** A model folder. */
  readonly model: string;
  readonly draft?: string | undefined;
  readonly scorer: string;
  readonly ways: readonly Way[];
  readonly seeds: readonly number[];
  readonly sampling: Sampling;
}

/** Of one way, or of the base. */
export interface WrittenGroup {
  readonly texts: readonly WrittenText[];
  /** Of all texts; wall-clock, so it varies from run to run. */
  readonly seconds: number;
  /** Of all texts and both models; null for a checkpoint, which has no graph of its own. */
  readonly flops: number | null;
  /** Nats per token of the scorer's, of each text; null for an empty one. */
  readonly logLikelihoods: readonly (number | null)[];
}

/** Of texts written before the clock runs: the first passes of a session are slower. */
const warmUpTokens = 8;

/** The base's texts first, then those of the ways in their order. */
export async function writeGroup(
  prompt: OpenPrompt,
  options: GroupOptions,
  worker: EvalWorker,
): Promise<WrittenGroup[]> {
  const { model: folder, draft, scorer, ways, sampling } = options;
  const own = await counted(folder, worker);
  const draftModel = draft === undefined ? undefined : await counted(draft, worker);
  const models = draftModel === undefined ? [own] : [own, draftModel];
  const writers: Writer[] = [];
  for (const way of [undefined, ...ways]) writers.push(await openWriter(way, sampling, draftModel?.model));
  await writeInTurns(own.model, prompt, writers, {
    ...options,
    take: () => models.reduce((sum, each) => sum + each.take(), 0),
    signal: worker.signal,
  });
  const known = models.every(({ hasGraph }) => hasGraph);
  const groups: WrittenGroup[] = [];
  for (const { texts, seconds, flops } of writers) {
    const logLikelihoods = await scoreTexts(await worker.model(scorer), prompt, texts, worker.signal);
    groups.push({ texts, seconds, flops: known ? flops : null, logLikelihoods });
  }
  return groups;
}

interface Writer {
  readonly strategy: Strategy;
  readonly texts: WrittenText[];
  seconds: number;
  flops: number;
}

const openWriter = async (
  way: Way | undefined,
  sampling: Sampling,
  draftModel: LoadedModel | undefined,
): Promise<Writer> => ({
  ...{ strategy: await strategyOfWay(way, sampling, draftModel), texts: [] },
  ...{ seconds: 0, flops: 0 },
});

interface TurnOptions extends Pick<GroupOptions, "seeds" | "sampling"> {
  /** FLOPs of the passes since the last call. */
  readonly take: () => number;
  readonly signal: AbortSignal;
}

async function writeInTurns(
  model: LoadedModel,
  prompt: OpenPrompt,
  writers: readonly Writer[],
  { seeds, sampling, take, signal }: TurnOptions,
): Promise<void> {
  const { maxNewTokens } = sampling;
  const write = ({ strategy }: Writer, seed: number, most: number): ReturnType<typeof writeText> =>
    writeText(model, prompt, { strategy, seed, signal, sampling: { ...sampling, maxNewTokens: most } });
  for (const writer of writers) await write(writer, 0, Math.min(warmUpTokens, maxNewTokens));
  take();
  for (const [turn, seed] of seeds.entries()) {
    // Another one begins each time.
    for (let i = 0; i < writers.length; i++) {
      const writer = writers[(i + turn) % writers.length] as Writer;
      const { written, seconds } = await write(writer, seed, maxNewTokens);
      writer.texts.push(written);
      writer.seconds += seconds;
      writer.flops += take();
    }
  }
}

async function counted(folder: string, worker: EvalWorker): Promise<CountedModel & { readonly hasGraph: boolean }> {
  const model = await worker.model(folder);
  const graph = await readModelGraph(folder, model.dtype).catch((error: unknown) => {
    if (DynamoError.is(error) && error.code === "not-found") return undefined;
    throw error;
  });
  if (graph === undefined) return { model, take: () => 0, hasGraph: false };
  return { ...countPasses(model, graph), hasGraph: true };
}

async function scoreTexts(
  scorer: LoadedModel,
  { text, chat }: OpenPrompt,
  texts: readonly WrittenText[],
  signal: AbortSignal,
): Promise<(number | null)[]> {
  const context = chat ? `${text}\n\n` : text;
  const scored = texts.filter((each) => each.text !== "");
  const items = scored.map((each) => ({ context, continuation: each.text }));
  const scores = items.length === 0 ? [] : await scoreContinuations(scorer, items, { signal });
  const found = new Map(scored.map((each, i) => [each, scores[i]]));
  return texts.map((each) => {
    const score = found.get(each);
    return score === undefined ? null : score.logLikelihood / score.tokens;
  });
}
