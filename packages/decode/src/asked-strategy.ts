/** A strategy that is asked for one text: what it keeps for the text, and nobody who waits for it longer than the text goes on. */
import {
  DynamoError,
  throwIfAborted,
  type Candidates,
  type LanguageModel,
  type StepOutput,
  type Strategy,
} from "@dynamo/core";
import { remaining, type Sequence } from "./sequence.js";
import { isPromise, unlessAborted } from "./unless-aborted.js";

export interface AskedStrategy {
  /** Rejects with `strategy` when it throws, and with `aborted` once it was stopped, whatever it does. */
  step(positions: readonly (readonly Candidates[])[]): Promise<StepOutput>;
  /** The text has ended by itself. Rejects as `step` does. */
  end(): Promise<void>;
  /** The text goes no further: what is under way is given up, and what was begun is ended. */
  stop(reason?: unknown): void;
}

/** The strategy begins its text with the first step. */
export function askStrategy(strategy: Strategy, model: LanguageModel, sequence: Sequence): AskedStrategy {
  const stopping = new AbortController();
  const { signal } = stopping;
  let phase: "new" | "begun" | "ended" = "new";
  let state: unknown;

  function begin(): void {
    if (phase !== "new") return;
    // When it throws there is nothing to end.
    phase = "ended";
    state = strategy.begin?.(sequence.context.slice(0, sequence.promptLength));
    phase = "begun";
  }

  function endOnce(): void | Promise<void> {
    const begun = phase === "begun";
    phase = "ended";
    return begun ? strategy.end?.(state) : undefined;
  }

  async function asked<Result>(ask: () => Result | PromiseLike<Result>): Promise<Result> {
    throwIfAborted(signal);
    try {
      const answer = ask();
      return isPromise(answer) ? await unlessAborted(answer, signal) : answer;
    } catch (cause) {
      throwIfAborted(signal);
      if (DynamoError.is(cause) && cause.code === "invalid-argument") throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new DynamoError("strategy", `strategy ${strategy.name} threw: ${message}`, { cause });
    }
  }

  return {
    step: (positions) =>
      asked(() => {
        begin();
        return strategy.step({ positions, ...inputOf(sequence, model), state, signal });
      }),
    end: () => asked(endOnce),
    stop(reason) {
      if (signal.aborted) return;
      stopping.abort(reason);
      // The text is over: nobody is left to be told that giving its memory back failed.
      void Promise.resolve()
        .then(endOnce)
        .catch(() => undefined);
    },
  };
}

const inputOf = (
  sequence: Sequence,
  { info, cooccurrence }: LanguageModel,
): Omit<Parameters<Strategy["step"]>[0], "positions" | "state" | "signal"> => ({
  draft: sequence.draft,
  context: sequence.context.subarray(0, sequence.length),
  cooccurrence,
  remaining: remaining(sequence),
  endOfTextIds: info.endOfTextIds,
  defaults: info.generation,
  random: sequence.random,
  promptLength: sequence.promptLength,
});
