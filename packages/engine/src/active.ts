/** A request on its way through the engine. */
import { DynamoError, type LanguageModel } from "@dynamo/core";
import type { Decoding, GenerationChunk } from "@dynamo/decode";
import type { Channel } from "./channel.js";
import type { EngineResult } from "./request.js";

export interface Active {
  readonly decoding: Decoding;
  readonly key: string;
  readonly scope: string;
  readonly output: Channel<GenerationChunk, EngineResult>;
  readonly submitted: number;
  /** What its row holds. */
  tokens: number[];
  /** Whether every pass over them computed all heads. */
  allHeads: boolean;
  /** Tokens of the prompt whose keys and values were there already. */
  reused: number;
  started: number;
  firstToken: number;
  /** The caller wants no more of it. */
  cancelled: boolean;
}

/** Seconds. */
export const now = (): number => performance.now() / 1000;

export const isOver = ({ decoding, cancelled }: Active): boolean => cancelled || decoding.finishReason !== undefined;

export const abortedError = (): DynamoError => new DynamoError("aborted", "the request was cancelled");

/** Every row's strategy takes its turn; one that fails ends its own request only. Returns the orders. */
export async function step(
  rows: readonly Active[],
  candidates: Awaited<ReturnType<LanguageModel["forward"]>>["candidates"],
): Promise<number[]> {
  const orders: number[] = [];
  for (const [row, active] of rows.entries()) {
    try {
      const { chunk, rejected } = await active.decoding.step(candidates[row] ?? []);
      active.tokens.length -= rejected;
      if (chunk.pass === 0) active.firstToken = now();
      orders.push(chunk.order);
      active.output.push(chunk);
    } catch (error) {
      active.output.fail(error);
      active.cancelled = true;
    }
  }
  return orders;
}

/** Tells the reader how it ended. */
export function endOutput(active: Active): void {
  if (active.cancelled || active.decoding.finishReason === undefined) active.output.fail(abortedError());
  else active.output.end(resultOf(active));
}

function resultOf({ decoding, submitted, started, firstToken, reused }: Active): EngineResult {
  const { text, tokens, logprobs, passes, orders, drafted, accepted } = decoding.progress;
  return {
    text,
    tokens,
    finishReason: decoding.finishReason ?? "cancelled",
    seed: decoding.seed,
    logprobs,
    statistics: {
      promptTokens: decoding.prompt.length,
      reusedTokens: reused,
      passes,
      orders,
      drafted,
      accepted,
      seconds: { queued: started - submitted, firstToken: firstToken - submitted, total: now() - submitted },
    },
  };
}
