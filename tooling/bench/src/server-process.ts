/** `dynamo serve` as a process of its own, for what puts load on it. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface ServerProcess {
  /** Without /v1. */
  readonly address: string;
  readonly pid: number;
  /** With SIGTERM; its exit code, null when a signal ended it. */
  stop(): Promise<number | null>;
}

/** On a free port; `args` are more arguments of `dynamo serve`. */
export async function startServerProcess(args: readonly string[]): Promise<ServerProcess> {
  const cli = fileURLToPath(new URL("../bin/dynamo.js", import.meta.resolve("@dynamo/cli")));
  const command = [cli, "serve", "--port", "0", "--at-once", "1000", "--log-level", "error"];
  const child = spawn(process.execPath, [...command, ...args], { stdio: ["ignore", "inherit", "pipe"] });
  return { address: await addressOf(child), pid: child.pid ?? 0, stop: () => ended(child) };
}

function addressOf(child: ChildProcess): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (data) => {
      said += String(data);
      const address = /http:\/\/[\d.:]+(?=\/v1)/.exec(said)?.[0];
      if (address !== undefined) resolve(address);
    });
    child.once("exit", () => {
      reject(new Error(`the server did not start: ${said}`));
    });
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });
}

export type Metrics = (name: string, labels?: string) => number;

/** The sum of a metric over its labels, or over those lines that have these. */
export async function readMetrics(address: string): Promise<Metrics> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return (name, labels = "") => {
    const found = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const matching = found.filter((line) => line.includes(labels));
    return matching.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  };
}
