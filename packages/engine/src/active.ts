/** A request on its way through the engine. */
import { DynamoError } from "@dynamo/core";
import type { GenerationChunk } from "@dynamo/decode";
import type { Row, RowStep } from "@dynamo/decode/rows";
import type { Channel } from "./channel.js";
import type { EngineResult } from "./request.js";

export interface Active extends Row {
  readonly key: string;
  readonly scope: string;
  readonly owner: string;
  readonly output: Channel<GenerationChunk, EngineResult>;
  readonly submitted: number;
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

/** Hands on what came of each row's step: a strategy that fails ends its own request only. Returns the orders. */
export function deliver(rows: readonly Active[], steps: readonly (RowStep | undefined)[]): number[] {
  const orders: number[] = [];
  for (const [i, active] of rows.entries()) {
    const step = steps[i];
    if (step === undefined) continue;
    if ("error" in step) {
      active.output.fail(step.error);
      active.cancelled = true;
      continue;
    }
    const { chunk } = step;
    if (chunk.pass === 0) active.firstToken = now();
    orders.push(chunk.order);
    active.output.push(chunk);
  }
  return orders;
}

/** Tells the reader how it ended. */
export function endOutput(active: Active): void {
  if (active.cancelled || active.decoding.finishReason === undefined) active.output.fail(abortedError());
  else active.output.end(resultOf(active));
}

function resultOf({ decoding, submitted, started, firstToken, reused }: Active): EngineResult {
  const { text, tokens, logprobs, promptLogprobs, passes, orders, drafted, accepted } = decoding.progress;
  return {
    text,
    tokens,
    finishReason: decoding.finishReason ?? "cancelled",
    seed: decoding.seed,
    warnings: decoding.warnings,
    logprobs,
    promptLogprobs,
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
