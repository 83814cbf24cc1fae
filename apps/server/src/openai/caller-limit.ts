/** How many requests of one caller are under way: here, and with Redis on all replicas together. */
import type { Leases } from "../shared/leases.js";
import { ApiError } from "./errors.js";

export interface CallerLimit {
  /** Counts a request until what it returns is called. Throws ApiError 429 for one too many. */
  enter(caller: string): Promise<() => void>;
}

export function callerLimit(most: number, shared?: Leases): CallerLimit {
  const counts = new Map<string, number>();
  const tooMany = (): ApiError =>
    new ApiError(429, `${most} requests of yours are under way: at most ${most} at once`, {
      type: "rate_limit_error",
      code: "too_many_at_once",
      retryAfter: 1,
    });
  function enterHere(caller: string): () => void {
    const count = counts.get(caller) ?? 0;
    if (count >= most) throw tooMany();
    counts.set(caller, count + 1);
    return () => {
      const rest = (counts.get(caller) ?? 1) - 1;
      if (rest === 0) counts.delete(caller);
      else counts.set(caller, rest);
    };
  }
  return {
    async enter(caller) {
      // Counted here too: Redis may go away at any time.
      const leaveHere = enterHere(caller);
      const lease = await shared?.take(caller, most);
      if (shared !== undefined && lease === undefined) {
        leaveHere();
        throw tooMany();
      }
      let left = false;
      return () => {
        if (left) return;
        left = true;
        leaveHere();
        lease?.release();
      };
    },
  };
}
