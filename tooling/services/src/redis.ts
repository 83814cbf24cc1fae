/** A Redis of the machine's own, for one test file; where there is none, its tests are skipped with a line that says so. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.js";

const program = "/usr/bin/redis-server";
export const hasRedis = existsSync(program);
if (!hasRedis) console.info("no Redis here (apt-get install redis-server): the tests on it are skipped");

export interface RunningRedis {
  readonly url: string;
  /** As if the machine were pulled out. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** It keeps its connections and says nothing, until it is told to go on. */
  hang(on: boolean): void;
}

export async function startRedis(): Promise<RunningRedis> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const memoryOnly = ["--save", "", "--appendonly", "no"];
    child = spawn(program, ["--port", String(port), "--bind", "127.0.0.1", ...memoryOnly], { stdio: "ignore" });
    while (!(await answers(port))) await delay(20);
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    hang: (on) => child?.kill(on ? "SIGSTOP" : "SIGCONT"),
    async stop() {
      if (child?.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}
