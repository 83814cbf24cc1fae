/** The Redis that replicas share: quick or not at all, so that one that is away never holds a request up. */
import { DynamoError } from "@dynamo/core";
import { Redis } from "ioredis";

export interface SharedRedis {
  readonly client: Redis;
  close(): void;
}

/** Milliseconds that a request waits for Redis before its replica counts by itself. */
const commandMilliseconds = 500;
/** Milliseconds of silence after a command, after which a connection is given up: a Redis that hangLimit is away. */
const silenceMilliseconds = 1_000;
/** Milliseconds between two attempts to reach one that is away. */
const reconnectMilliseconds = 1_000;

/**
 * Connects in the background; commands fail at once as long as Redis is away. Throws `invalid-argument` for what is no
 * URL of a Redis.
 */
export function openRedis(url: string, log: (level: "info" | "error", line: string) => void): SharedRedis {
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    // The URL may have a password in it.
    throw new DynamoError("invalid-argument", "REDIS_URL: expected redis://… or rediss://…, received something else");
  }
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    commandTimeout: commandMilliseconds,
    socketTimeout: silenceMilliseconds,
    retryStrategy: () => reconnectMilliseconds,
  });
  let isAway = false;
  client.on("ready", () => {
    isAway = false;
    log("info", "redis: limits are shared by all replicas");
  });
  const away = (why: string): void => {
    if (isAway) return;
    isAway = true;
    log("error", `redis: away, limits are this process's own until it is back: ${why}`);
  };
  client.on("error", (error: Error) => {
    away(error.message || error.name);
  });
  client.on("close", () => {
    away("the connection was closed");
  });
  return {
    client,
    close: () => {
      isAway = true;
      client.disconnect();
    },
  };
}
