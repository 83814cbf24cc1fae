/** How many requests of one caller are under way. */
import { ApiError } from "./errors.js";

export interface CallerLimit {
  /** Counts a request until what it returns is called. Throws ApiError 429 for one too many. */
  enter(caller: string): () => void;
}

export function callerLimit(most: number): CallerLimit {
  const counts = new Map<string, number>();
  return {
    enter(caller) {
      const count = counts.get(caller) ?? 0;
      if (count >= most)
        throw new ApiError(429, `${count} requests of yours are under way: at most ${most} at once`, {
          type: "rate_limit_error",
          code: "too_many_at_once",
          retryAfter: 1,
        });
      counts.set(caller, count + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        const rest = (counts.get(caller) ?? 1) - 1;
        if (rest === 0) counts.delete(caller);
        else counts.set(caller, rest);
      };
    },
  };
}
