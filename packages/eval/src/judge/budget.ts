/** What a judge may cost: calls, or money by tokens and prices. */
import { DynamoError } from "@dynamo/core";
import type { Answer, Question } from "./endpoint.js";

export interface BudgetOptions {
  readonly maxCalls?: number | undefined;
  /** In the currency of the prices. */
  readonly maxCost?: number | undefined;
  /** Of a million tokens. */
  readonly prices?: Prices | undefined;
}

export interface Prices {
  readonly prompt: number;
  readonly completion: number;
}

export interface Budget {
  /** Room for a call, at what it may cost at most; `settle` puts what it did cost. Throws `busy` when there is none left. */
  reserve(question: Question): { settle(answer: Answer | undefined): void };
}

/** English text has some four characters per token; the guess is on the safe side. */
const charactersPerToken = 3;

export const costOf = (tokens: Omit<Answer, "text">, { prompt, completion }: Prices): number =>
  (tokens.promptTokens * prompt + tokens.completionTokens * completion) / 1e6;

/** Of this process alone. Throws `invalid-argument` for a cost without prices. */
export function createBudget({ maxCalls = Infinity, maxCost = Infinity, prices }: BudgetOptions): Budget {
  if (maxCost < Infinity && prices === undefined)
    throw new DynamoError("invalid-argument", "a largest cost needs prices: expected those of a million tokens");
  const price = prices ?? { prompt: 0, completion: 0 };
  let [calls, cost] = [0, 0];
  return {
    reserve({ system, user, maxTokens }) {
      const promptTokens = Math.ceil((system.length + user.length) / charactersPerToken);
      const expected = costOf({ promptTokens, completionTokens: maxTokens }, price);
      if (calls + 1 > maxCalls || cost + expected > maxCost) throw spent(calls, cost, { maxCalls, maxCost });
      calls++;
      cost += expected;
      return {
        settle(answer) {
          // A call that failed may have cost something all the same; endpoints do not say.
          cost += (answer === undefined ? 0 : costOf(answer, price)) - expected;
        },
      };
    },
  };
}

const spent = (calls: number, cost: number, most: { maxCalls: number; maxCost: number }): DynamoError =>
  new DynamoError(
    "busy",
    most.maxCost < Infinity && calls + 1 <= most.maxCalls
      ? `the judge's budget is spent: ${cost.toFixed(4)} of ${most.maxCost}; verdicts so far are kept, a larger one goes on`
      : `the judge's budget is spent: ${calls} calls of ${most.maxCalls}; verdicts so far are kept, a larger one goes on`,
  );
