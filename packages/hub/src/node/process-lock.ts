/**
 * One process at a time works on a model's files; others wait. The lock is a socket that its holder listens on: the system
 * lets go of it whatever the process dies of, and who waits hears it at once.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { abortedError } from "@dynamo/core";
import { diskError } from "./disk-error.js";

/** Longer paths are no addresses of sockets. */
const mostPathBytes = 100;
/** Of two processes that find a dead one's lock at once, the second takes the first one's away: it looks again after so long. */
const settleMilliseconds = 100;

interface LockOptions {
  readonly signal: AbortSignal | undefined;
  /** Called once, when another process has the lock. */
  readonly onWait: () => void;
}

/** Runs `work` while no other process runs one for the same `path`, which names the socket; its folder is made. */
export async function withProcessLock<Value>(
  path: string,
  { signal, onWait }: LockOptions,
  work: () => Promise<Value>,
): Promise<Value> {
  await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
    throw diskError(error, path);
  });
  const address = addressOf(resolve(path));
  const release = await take(address, { signal, onWait: once(onWait) });
  try {
    return await work();
  } finally {
    await release();
  }
}

async function take(address: string, options: LockOptions): Promise<() => Promise<void>> {
  for (;;) {
    if (options.signal?.aborted === true) throw abortedError(options.signal);
    const token = randomUUID();
    const first = await listen(address, token);
    if (first !== undefined) return first.release;
    if (await heldUntilNow(address, options)) continue;
    // Nobody answers for a moment where a process has the address and does not listen yet. Finders of a dead one's take turns.
    await delay(settleMilliseconds * (1 + Math.random()));
    if (await heldUntilNow(address, options)) continue;
    // The socket of a process that was killed.
    await rm(address, { force: true });
    const second = await listen(address, token);
    if (second === undefined) continue;
    await delay(settleMilliseconds);
    if ((await holder(address)) === token) return second.release;
    second.abandon();
  }
}

function addressOf(path: string): string {
  const short = createHash("sha256").update(path).digest("hex").slice(0, 32);
  if (process.platform === "win32") return `\\\\.\\pipe\\dynamo-hub-${short}`;
  return Buffer.byteLength(path) <= mostPathBytes ? path : join(tmpdir(), `dynamo-hub-${short}.sock`);
}

interface Held {
  readonly release: () => Promise<void>;
  /** For a lock that another process has taken away: closing the server would remove the address, which is the other's now. */
  readonly abandon: () => void;
}

/** undefined when the address is taken. */
function listen(address: string, token: string): Promise<Held | undefined> {
  return new Promise((done, reject) => {
    const waiting = new Set<Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => waiting.delete(socket));
      socket.unref();
      socket.write(token);
    });
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") done(undefined);
      else reject(diskError(error, address));
    });
    server.listen(address, () => {
      server.unref();
      done({
        release: () => close(server, waiting),
        abandon() {
          for (const socket of waiting) socket.destroy();
        },
      });
    });
  });
}

const close = (server: Server, waiting: ReadonlySet<Socket>): Promise<void> =>
  new Promise((done) => {
    server.close(() => {
      done();
    });
    for (const socket of waiting) socket.destroy();
  });

/** Waits until the holder lets go, or dies. False for a socket whose process is dead. */
function heldUntilNow(address: string, { signal, onWait }: LockOptions): Promise<boolean> {
  return new Promise((done) => {
    let dead = false;
    const socket = createConnection(address);
    const stop = (): void => {
      socket.destroy();
    };
    signal?.addEventListener("abort", stop);
    socket.on("data", onWait);
    // Any other error is that of a holder who has just let go.
    socket.on("error", (error: NodeJS.ErrnoException) => (dead = error.code === "ECONNREFUSED"));
    socket.once("close", () => {
      signal?.removeEventListener("abort", stop);
      done(!dead);
    });
  });
}

function holder(address: string): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = createConnection(address);
    socket.once("data", (data) => {
      socket.destroy();
      done(String(data));
    });
    socket.once("error", () => {
      done(undefined);
    });
  });
}

function once(call: () => void): () => void {
  let called = false;
  return () => {
    if (!called) call();
    called = true;
  };
}
