/** A server from start to end: it listens, loads its models, and ends in good order when it is told to. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { apiKeys, keysOfEnvironment, readKeyFile } from "./keys.js";
import { checkServe } from "./server-checks.js";
import { createServer, type DynamoServer } from "./server.js";
import type { DataOptions, ServeOptions } from "./server-options.js";

/** Addresses that only this machine reaches. */
const loopback = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * Resolves when the server has ended because its signal fired. Throws `invalid-argument` for options that are wrong or
 * unknown and for a public address without keys, `unsupported` for a port that is taken, and whatever keeps a model from loading.
 */
export async function serve(options: ServeOptions): Promise<void> {
  checkServe(options);
  const { host = "127.0.0.1", port = 8080, keyFile, withoutKeys = false, patience, signal, onReady, ...rest } = options;
  const keys = [
    ...(keyFile === undefined ? [] : await readKeyFile(keyFile)),
    ...keysOfEnvironment(process.env["DYNAMO_API_KEYS"] ?? ""),
  ];
  if (keys.length === 0 && !loopback.has(host) && !withoutKeys) {
    throw new DynamoError(
      "invalid-argument",
      `${host} can be reached by others, and there are no API keys: give --api-keys (\`dynamo api-key\` makes one), or say --without-keys`,
    );
  }
  const server = await createServer({
    ...rest,
    data: withDatabase(rest.data),
    redisUrl: rest.redisUrl ?? ofEnvironment("REDIS_URL"),
    otlp: rest.otlp ?? ofEnvironment("OTEL_EXPORTER_OTLP_ENDPOINT"),
    site: siteFolder(),
    keys: keys.length === 0 ? undefined : apiKeys(keys),
  });
  try {
    const address = await listen(server, host, port);
    await Promise.race([server.start(), stopped(signal)]);
    if (!signal.aborted) onReady?.(address);
    await stopped(signal);
  } finally {
    await server.close(patience);
  }
}

/** DATABASE_URL, when the options name no database. */
function withDatabase(data: DataOptions | undefined): DataOptions | undefined {
  if (data === undefined) return undefined;
  return { ...data, databaseUrl: data.databaseUrl ?? ofEnvironment("DATABASE_URL") };
}

/** An empty variable is as good as none. */
function ofEnvironment(name: string): string | undefined {
  const value = process.env[name];
  return value === "" ? undefined : value;
}

async function listen({ app }: DynamoServer, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DynamoError("unsupported", `the server cannot listen on ${host}, port ${port}: ${reason}`, { cause });
  }
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** The playground's site, where it is installed and built. */
function siteFolder(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve("@dynamo/playground/package.json");
    const site = join(dirname(manifest), "dist");
    return existsSync(join(site, "index.html")) ? site : undefined;
  } catch {
    return undefined;
  }
}
