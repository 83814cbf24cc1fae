/**
 * One process at a time has the embedded database open. The lock is a socket that it listens on: the system lets go of it
 * whatever the process dies of.
 */
import { createHash, randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DynamoError } from "@dynamo/core";

export interface FolderLock {
  release(): Promise<void>;
}

/** Of two processes that find a dead one's lock at once, the second takes the first one's away: it looks again after so long. */
const settleMilliseconds = 100;
/** Longer paths are no addresses of sockets. */
const mostPathBytes = 100;

/** Throws `invalid-argument` when another process has the folder, `not-found` when there is none that can be written to. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const address = addressOf(resolve(folder));
  const token = randomUUID();
  const held = new DynamoError(
    "invalid-argument",
    `another process has the data folder ${folder} open: end it, choose another folder, or set DATABASE_URL for many processes`,
  );
  let server = await listen(address, token);
  if (server === undefined) {
    if ((await ask(address)) !== undefined) throw held;
    // Nobody answers for a moment where a process has the address and does not listen yet. Finders of a dead one's take turns.
    await delay(settleMilliseconds * (1 + Math.random()));
    if ((await ask(address)) !== undefined) throw held;
    await rm(address, { force: true });
    server = await listen(address, token);
    await delay(settleMilliseconds);
    if (server === undefined || (await ask(address)) !== token) throw held;
  }
  const holder = server;
  return { release: () => new Promise((done) => holder.close(() => done())) };
}

function addressOf(folder: string): string {
  const short = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  if (process.platform === "win32") return `\\\\.\\pipe\\dynamo-${short}`;
  const address = join(folder, "lock.sock");
  return Buffer.byteLength(address) <= mostPathBytes ? address : join(tmpdir(), `dynamo-${short}.sock`);
}

/** Undefined when the address is taken. */
function listen(address: string, token: string): Promise<Server | undefined> {
  return new Promise((resolvePromise, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end(token);
    });
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolvePromise(undefined);
      else reject(new DynamoError("not-found", `${address} cannot be made: ${error.message}`, { cause: error }));
    });
    server.listen(address, () => {
      server.unref();
      resolvePromise(server);
    });
  });
}

/** What its holder says; undefined when there is none. */
function ask(address: string): Promise<string | undefined> {
  return new Promise((resolvePromise) => {
    let answer = "";
    const socket = createConnection(address);
    socket.on("data", (data) => (answer += String(data)));
    socket.once("end", () => {
      resolvePromise(answer);
    });
    socket.once("error", () => {
      resolvePromise(undefined);
    });
  });
}
