/** Requests a window of time, counted in Redis by all replicas together, and by this process alone while Redis is away. */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from "@fastify/rate-limit";
import type { Redis } from "ioredis";

type Counted = Parameters<FastifyRateLimitStore["incr"]>[1];

/** A store for @fastify/rate-limit, of which `timeWindow` is so many milliseconds. */
export function windowStore(redis: Redis, timeWindow: number): FastifyRateLimitStoreCtor {
  const own = ownWindow(timeWindow);
  async function count(caller: string): Promise<{ current: number; ttl: number }> {
    const key = `dynamo:rate:${caller}`;
    const results = await redis.multi().set(key, 0, "PX", timeWindow, "NX").incr(key).pttl(key).exec();
    const [current, ttl] = [Number(results?.[1]?.[1]), Number(results?.[2]?.[1])];
    if (!Number.isSafeInteger(current) || !(ttl >= 0)) throw new TypeError("Redis did not count");
    return { current, ttl };
  }
  return class WindowStore implements FastifyRateLimitStore {
    incr(caller: string, counted: Counted): void {
      count(caller)
        .catch(() => own(caller))
        .then(
          (result) => counted(null, result),
          (error: unknown) => counted(error as Error),
        );
    }

    child(): this {
      return this;
    }
  };
}

/** One window after the other for all callers, so that those of a window that is over cost no memory. */
function ownWindow(timeWindow: number): (caller: string) => { current: number; ttl: number } {
  const counts = new Map<string, number>();
  let end = 0;
  return (caller) => {
    const now = Date.now();
    if (now >= end) {
      counts.clear();
      end = now + timeWindow;
    }
    const current = (counts.get(caller) ?? 0) + 1;
    counts.set(caller, current);
    return { current, ttl: end - now };
  };
}
