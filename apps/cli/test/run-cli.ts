/** Runs the built command as a person would: a process of its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const command = fileURLToPath(new URL("../bin/dynamo.js", import.meta.url));

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Called with all of standard output (or error) so far; returning true sends SIGINT, once. */
  readonly interruptWhen?: (stdout: string, stderr: string) => boolean;
}

export function runCli(
  args: readonly string[],
  { env = {}, input = "", interruptWhen }: RunOptions = {},
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
