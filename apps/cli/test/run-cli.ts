/**
 * Runs the command: in this process, which is quick, or, where signals, kills, the environment or the built files are what is
 * tested, as a person would, in a process of its own.
 */
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { main } from "../src/main.js";

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const command = fileURLToPath(new URL("../bin/dynamo.js", import.meta.url));

/** One after the other: standard output and the exit code are the process's. */
let before: Promise<unknown> = Promise.resolve();

export function runCli(args: readonly string[], { input = "" }: { readonly input?: string } = {}): Promise<CliResult> {
  const result = before.then(() => runHere(args, input));
  before = result.catch(() => undefined);
  return result;
}

async function runHere(args: readonly string[], input: string): Promise<CliResult> {
  const outputs = { stdout: "", stderr: "" };
  const { log, error } = console;
  const [{ stdin, exitCode, argv }, writes] = [process, [process.stdout.write, process.stderr.write] as const];
  // What vitest does with the console is not what is tested.
  console.log = (...values: unknown[]) => void (outputs.stdout += `${format(...values)}\n`);
  console.error = (...values: unknown[]) => void (outputs.stderr += `${format(...values)}\n`);
  process.stdout.write = (text: unknown) => ((outputs.stdout += String(text)), true);
  process.stderr.write = (text: unknown) => ((outputs.stderr += String(text)), true);
  Object.defineProperty(process, "stdin", {
    value: Readable.from(input === "" ? [] : [Buffer.from(input)]),
    configurable: true,
  });
  process.exitCode = undefined;
  // Verbs that start processes of their own start the built command, and results name how they were made.
  process.argv = [process.execPath, command, ...args];
  try {
    await main(args, { signal: new AbortController().signal, redirect: () => undefined });
    return { code: exitCodeNow(), ...outputs };
  } finally {
    [process.stdout.write, process.stderr.write] = writes;
    Object.assign(console, { log, error });
    Object.defineProperty(process, "stdin", { value: stdin, configurable: true });
    process.exitCode = exitCode;
    process.argv = argv;
  }
}

/** What the verb has set, which the types of this function's caller cannot know. */
const exitCodeNow = (): number => Number(process.exitCode ?? 0);

interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Called with all of standard output (or error) so far; returning true sends SIGINT, once. */
  readonly interruptWhen?: (stdout: string, stderr: string) => boolean;
}

/** The built command in a process of its own. */
export function spawnCli(
  args: readonly string[],
  { env = {}, input = "", interruptWhen }: SpawnOptions = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const { FORCE_COLOR: _, ...inherited } = process.env;
    const child = spawn(process.execPath, [command, ...args], { env: { ...inherited, ...env } });
    let [stdout, stderr, interrupted] = ["", "", false];
    const look = (): void => {
      if (interrupted || interruptWhen?.(stdout, stderr) !== true) return;
      interrupted = true;
      child.kill("SIGINT");
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      look();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      look();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout, stderr });
    });
    child.stdin.end(input);
  });
}
