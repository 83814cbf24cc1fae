/** The real server as a process of its own, for the tests. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface RunningServer {
  /** Without /v1. */
  readonly address: string;
  readonly process: ChildProcess;
  /** What it logged so far, as it came. */
  readonly log: () => string;
  /** Inference processes that came to be ready, the last one last: it waits until there are so many, default 1. */
  inferencePids(least?: number): Promise<number[]>;
  /** With SIGTERM; the exit code. */
  stop(): Promise<number | null>;
}

const entry = fileURLToPath(new URL("./serve-process.mjs", import.meta.url));

export interface StartOptions {
  /** Options of `serve`, as far as JSON has them. */
  readonly options?: object;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startServer({ options = {}, environment = {} }: StartOptions = {}): Promise<RunningServer> {
  const child = spawn(process.execPath, [entry, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (output += String(data)));
  const address = await new Promise<string>((resolve, reject) => {
    child.once("message", (message) => {
      resolve(message as string);
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code ?? "a signal"}: ${output}`)));
  });
  return {
    address,
    process: child,
    log: () => output,
    async inferencePids(least = 1) {
      // The log is a pipe: its lines may come after the message that the server is ready.
      for (;;) {
        const found = [...output.matchAll(/inference process (\d+): ready/g)].map(([, pid]) => Number(pid));
        if (found.length >= least || child.exitCode !== null) return found;
        await delay(20);
      }
    },
    async stop() {
      if (child.exitCode !== null) return child.exitCode;
      const ended = once(child, "exit") as Promise<[number | null]>;
      child.kill("SIGTERM");
      const [code] = await Promise.race([ended, delay(120_000, [null] as [null], { ref: false })]);
      if (code === null) child.kill("SIGKILL");
      return code;
    },
  };
}
