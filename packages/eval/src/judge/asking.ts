/** Asks until a judge's words are a verdict: from the cache, within the budget, a few times. */
import { throwIfAborted } from "@dynamo/core";
import { answerKey, type AnswerCache } from "./answer-cache.js";
import type { Budget } from "./budget.js";
import type { Answer, Endpoint, Question } from "./endpoint.js";

export interface Asked<Verdict> {
  /** Undefined when no attempt had one. */
  readonly verdict: Verdict | undefined;
  readonly attempts: number;
  /** Of all attempts, cached ones too: what the verdict cost, whenever that was. */
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface AskingParts {
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly cache: AnswerCache;
  readonly budget: Budget;
  readonly maxTokens: number;
  /** Times that a malformed verdict is asked for at most. */
  readonly attempts: number;
}

export type Ask = <Verdict>(
  prompt: { readonly system: string; readonly user: string },
  read: (text: string) => Verdict | undefined,
  signal: AbortSignal,
) => Promise<Asked<Verdict>>;

/** The first attempt is greedy, as MT-bench's; the same words would come again, so further ones are sampled. */
const temperatureOf = (attempt: number): number => (attempt === 0 ? 0 : 0.7);

export function createAsking({ endpoint, model, cache, budget, maxTokens, attempts }: AskingParts): Ask {
  /** The same question twice at once is one call. */
  const underWay = new Map<string, Promise<Answer>>();
  async function call(key: string, question: Question, signal: AbortSignal): Promise<Answer> {
    const reservation = budget.reserve(question);
    let answer: Answer | undefined;
    try {
      answer = await endpoint.ask(question, signal);
      await cache.put(key, answer);
      return answer;
    } finally {
      reservation.settle(answer);
      underWay.delete(key);
    }
  }
  function answered(question: Question, attempt: number, signal: AbortSignal): Promise<Answer> | Answer {
    const key = answerKey(model, question, attempt);
    const known = cache.get(key) ?? underWay.get(key);
    if (known !== undefined) return known;
    const made = call(key, question, signal);
    underWay.set(key, made);
    return made;
  }
  return async (prompt, read, signal) => {
    let [promptTokens, completionTokens] = [0, 0];
    for (let attempt = 0; attempt < attempts; attempt++) {
      throwIfAborted(signal);
      const answer = await answered({ ...prompt, temperature: temperatureOf(attempt), maxTokens }, attempt, signal);
      promptTokens += answer.promptTokens;
      completionTokens += answer.completionTokens;
      const verdict = read(answer.text);
      if (verdict !== undefined) return { verdict, attempts: attempt + 1, promptTokens, completionTokens };
    }
    return { verdict: undefined, attempts, promptTokens, completionTokens };
  };
}
