/** `dynamo serve` as a process, as an image runs it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { pathOf } from "./files.js";

export const key = "a-key-of-the-tests";

export interface Replica {
  readonly port: number;
  readonly process: ChildProcess;
  /** Its answer to GET /metrics. */
  metrics(): Promise<string>;
  /** With SIGTERM, or SIGKILL: resolves with the exit code when it has ended. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

export interface ReplicaOptions {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Resolves when its model is loaded. */
export async function startReplica(
  port: number,
  { args = [], environment = {} }: ReplicaOptions = {},
): Promise<Replica> {
  const command = ["serve", "--port", String(port), "--device", "cpu", "--threads", "1", ...args];
  const child = spawn(process.execPath, [pathOf("apps/cli/bin/dynamo.js"), ...command], {
    env: { ...process.env, DYNAMO_API_KEYS: `tests=${key}`, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)));
  const address = `http://127.0.0.1:${port}`;
  const ready = (): Promise<boolean> =>
    fetch(`${address}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let tries = 0; !(await ready()); tries += 1) {
    if (child.exitCode !== null || tries > 600) throw new Error(`the server did not start: ${output}`);
    await delay(50);
  }
  return {
    port,
    process: child,
    metrics: async () => (await fetch(`${address}/metrics`)).text(),
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = once(child, "exit") as Promise<[number | null]>;
      child.kill(signal);
      return (await ended)[0];
    },
  };
}
