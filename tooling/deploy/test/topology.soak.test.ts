/**
 * The topology of deploy/compose.yaml without containers: nginx in front of two servers that share Redis and PostgreSQL, one
 * of which is killed under load.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freePort,
  hasPostgres,
  hasRedis,
  startPostgres,
  startRedis,
  type Postgres,
  type RunningRedis,
} from "@dynamo/services";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nginxVersion, startNginx, type RunningNginx } from "./nginx.js";
import { startReplica, type Replica } from "./replica.js";
import { requestText, streamText, type StreamResult } from "./streams.js";

const streams = 12;
/** Of one key, over both servers: more than the other tests have under way, those of a killed server included. */
const atOnce = 48;
/** Tokens of a stream that is under way for a while, of one that a server ends in its patience, and of a short text. */
const lengths = { long: 400, medium: 150, short: 40 } as const;
type Length = keyof typeof lengths;
const seeds = Array.from({ length: streams }, (_, seed) => seed);

interface Completion {
  readonly choices: readonly { readonly text: string }[];
}

/** How many texts the replica has finished or begun to compute. */
const textsOf = async (replica: Replica): Promise<number> =>
  Number(/^gen_ai_server_time_to_first_token_seconds_count\{[^}]*\} (\d+)$/m.exec(await replica.metrics())?.[1] ?? "0");

describe.skipIf(nginxVersion() === undefined || !hasPostgres || !hasRedis)("two replicas behind nginx", () => {
  let replicas: [Replica, Replica];
  let nginx: RunningNginx;
  let redis: RunningRedis;
  let postgres: Postgres;
  let folder: string;
  const start = (port: number): Promise<Replica> =>
    startReplica(port, {
      args: ["--data", folder, "--batch-lines", "1", "--at-once", String(atOnce)],
      environment: { REDIS_URL: redis.url, DATABASE_URL: postgres.url },
    });
  /** By seed: what a server says without nginx. */
  let expected: Record<Length, string[]>;

  const stream = (seed: number, length: Length, onFirst?: () => void): Promise<StreamResult> =>
    streamText(nginx.address, { seed, tokens: lengths[length], ...(onFirst === undefined ? {} : { onFirst }) });

  /** A short text, not streamed. Fails unless it is answered, with what it should be. */
  const ask = async (seed: number): Promise<void> => {
    const response = await requestText(nginx.address, { seed, tokens: lengths.short }, false);
    expect(response.status).toBe(200);
    expect(((await response.json()) as Completion).choices[0]?.text).toBe(expected.short[seed]);
  };

  beforeAll(async () => {
    const ports = [await freePort(), await freePort()] as const;
    folder = await mkdtemp(join(tmpdir(), "dynamo-topology-"));
    redis = await startRedis();
    postgres = await startPostgres();
    replicas = await Promise.all([start(ports[0]), start(ports[1])]);
    nginx = await startNginx(ports);
    const address = `http://127.0.0.1:${ports[0]}`;
    const direct = async (length: Length): Promise<string[]> => {
      const results = await Promise.all(seeds.map((seed) => streamText(address, { seed, tokens: lengths[length] })));
      return results.map(({ text }) => text);
    };
    expected = { long: await direct("long"), medium: await direct("medium"), short: await direct("short") };
  });

  afterAll(async () => {
    await nginx.stop();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await Promise.all([redis.stop(), postgres.remove()]);
    await rm(folder, { recursive: true, force: true });
  });

  test("streams go to both, and arrive whole", async () => {
    const before = await Promise.all(replicas.map(textsOf));
    const results = await Promise.all(seeds.map((seed) => stream(seed, "long")));
    expect(results.map(({ text, done }) => ({ text, done }))).toEqual(
      expected.long.map((text) => ({ text, done: true })),
    );
    const after = await Promise.all(replicas.map(textsOf));
    for (const [i, count] of after.entries()) expect(count - (before[i] ?? 0)).toBeGreaterThan(streams / 4);
  });

  test("a key's requests at once are counted over both", async () => {
    const held = await Promise.all(
      Array.from({ length: atOnce }, (_, seed) => requestText(nginx.address, { seed, tokens: lengths.long }, true)),
    );
    expect(held.map(({ status }) => status)).toEqual(held.map(() => 200));
    const refused = await requestText(nginx.address, { seed: 0, tokens: 1 }, false);
    expect(refused.status).toBe(429);
    await Promise.all(held.map((response) => response.text()));
  });

  test("one replica killed under load: the other's streams go on, and so does the service", async () => {
    const [victim, survivor] = replicas;
    const running = new Set(seeds);
    const results: Promise<StreamResult>[] = [];
    const begun = seeds.map(
      (seed) =>
        new Promise<void>((onFirst) => {
          results.push(stream(seed, "long", onFirst).finally(() => running.delete(seed)));
        }),
    );
    await Promise.all(begun);
    await victim.stop("SIGKILL");
    const unfinished = [...running];

    // While those go on, others come: not one of them sees that a replica is gone.
    await Promise.all([...seeds, ...seeds].map(ask));

    const ended = await Promise.all(results);
    const upstreams = new Map((await nginx.accesses()).map((access) => [access.request_id, access.upstream]));
    const at = ({ port }: Replica): number[] =>
      ended.flatMap(({ requestId }, seed) => (upstreams.get(requestId) === `127.0.0.1:${port}` ? [seed] : []));
    for (const seed of at(survivor)) expect(ended[seed]).toMatchObject({ text: expected.long[seed], done: true });
    // Both had streams under way when it happened, and those of the victim end as broken ones, not as complete ones.
    expect(at(survivor).filter((seed) => unfinished.includes(seed))).not.toEqual([]);
    const lost = at(victim).filter((seed) => ended[seed]?.done === false);
    expect(lost).not.toEqual([]);
    for (const seed of lost) expect(expected.long[seed]?.startsWith(ended[seed]?.text ?? "-")).toBe(true);
  });

  test("the replica comes back, and no request sees it load its model", async () => {
    const loading = new Set(["model"]);
    const restarted = start(replicas[0].port).finally(() => loading.clear());
    for (let seed = 0; loading.size > 0; seed = (seed + 1) % streams) await ask(seed);
    replicas[0] = await restarted;
    const deadline = Date.now() + 20_000;
    while ((await textsOf(replicas[0])) === 0 && Date.now() < deadline) await Promise.all(seeds.map(ask));
    expect(await textsOf(replicas[0])).toBeGreaterThan(0);
  });

  test("one replica stopped with SIGTERM under load: every stream comes to its end", async () => {
    const [first] = replicas;
    const results = seeds.map((seed) => stream(seed, "medium"));
    await computing(first);
    const told = Date.now();
    const code = first.stop().then((exitCode) => ({ exitCode, seconds: (Date.now() - told) / 1000 }));
    await Promise.all(seeds.map(ask));
    for (const [seed, { text, done }] of (await Promise.all(results)).entries())
      expect({ text, done }).toEqual({ text: expected.medium[seed], done: true });
    // The connections that nginx keeps for later do not hold it up: it ends before its patience of ten seconds does.
    const { exitCode, seconds } = await code;
    expect(exitCode).toBe(0);
    expect(seconds).toBeLessThan(10);
  });
});

/** Resolves when it has a request under way. */
async function computing(replica: Replica): Promise<void> {
  while (!/^dynamo_slots_active\{[^}]*\} [1-9]/m.test(await replica.metrics()));
}
