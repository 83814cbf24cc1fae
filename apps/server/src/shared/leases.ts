/**
 * How many requests of a caller all replicas have under way together: leases in a sorted set of Redis, by the time at which
 * they end. A replica renews its own; those of a replica that was killed end by themselves.
 */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";

export interface Leases {
  /** Undefined when so many are under way already. While Redis is away it is given, and counts from when Redis is back. */
  take(caller: string, most: number): Promise<Lease | undefined>;
  close(): void;
}

export interface Lease {
  release(): void;
}

/** Seconds for which a replica that was killed still counts. */
export const leaseSeconds = 15;

/** KEYS: the caller's set. ARGV: the lease, its milliseconds, the most. 1 when it was taken. */
const takeLease = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
if redis.call("ZCARD", KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call("ZADD", KEYS[1], now + ARGV[2], ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[2])
return 1`;

/** KEYS: the caller's set. ARGV: milliseconds, then leases. */
const renewLeases = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do redis.call("ZADD", KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call("PEXPIRE", KEYS[1], ARGV[1])`;

export function leases(redis: Redis): Leases {
  /** By the caller's set. */
  const mine = new Map<string, Set<string>>();
  const milliseconds = 1000 * leaseSeconds;
  const renewal = setInterval(() => {
    // Also those of a Redis that was away and has forgotten them.
    for (const [set, own] of mine) redis.eval(renewLeases, 1, set, milliseconds, ...own).catch(() => undefined);
  }, milliseconds / 3);
  renewal.unref();
  return {
    async take(caller, most) {
      const set = `dynamo:under-way:${caller}`;
      const lease = randomUUID();
      const taken = await redis.eval(takeLease, 1, set, lease, milliseconds, most).catch(() => 1);
      if (taken !== 1) return undefined;
      const own = mine.get(set) ?? new Set();
      mine.set(set, own.add(lease));
      return {
        release() {
          own.delete(lease);
          if (own.size === 0) mine.delete(set);
          // When this is lost, the lease ends by itself.
          redis.zrem(set, lease).catch(() => undefined);
        },
      };
    },
    close() {
      clearInterval(renewal);
    },
  };
}
