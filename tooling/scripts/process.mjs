// Runs the workspace's tools: with their output shown, signals passed on, and pnpm from npm's registry where the
// machine has none.
import { Buffer } from "node:buffer";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { root } from "./fingerprint.mjs";

const windows = process.platform === "win32";
/** Asked for by package.json's "packageManager", e.g. "10.34.9". */
const pnpmVersion = JSON.parse(readFileSync(new URL("package.json", root), "utf8")).packageManager.split("@")[1];

/** Nothing phones home, and nothing waits for an answer on stdin. */
const quiet = { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", COREPACK_ENABLE_DOWNLOAD_PROMPT: "0" };
const environment = () => ({ ...process.env, ...quiet });

/** A failure that was already explained in words; ends the process with `exitCode`. */
export class SetupError extends Error {
  name = "SetupError";
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

let found;
/** True when a usable pnpm of the right version is on PATH; pnpm itself honours "packageManager". */
function hasPnpm() {
  found ??= spawnSync("pnpm", ["--version"], {
    cwd: fileURLToPath(root),
    env: environment(),
    shell: windows,
    encoding: "utf8",
  });
  return found.status === 0 && found.stdout.trim() === pnpmVersion;
}

/**
 * Runs a command that is pnpm or needs pnpm on PATH (turbo does), through `npx` when there is none.
 * @param {string[]} command program and arguments
 * @param {{ output?: Output }} [options]
 * @returns {Promise<number>} exit code
 */
export function runWithPnpm(command, options) {
  if (hasPnpm()) return run(command, options);
  const npx = ["npx", "--yes", "--prefer-offline", "--loglevel=error", `--package=pnpm@${pnpmVersion}`, "--"];
  return run([...npx, ...command], options);
}

/**
 * @param {string[]} args of `turbo run`
 * @param {{ output?: Output }} [options]
 */
export function turbo(args, options) {
  const binary = fileURLToPath(new URL("node_modules/turbo/bin/turbo", root));
  return runWithPnpm([process.execPath, binary, "run", ...args, "--no-update-notifier"], options);
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Where a command's output goes: as it comes, to stderr as it comes (stdout belongs to the job that follows), or to
 * stderr only when the command fails.
 * @typedef {"inherit" | "stderr" | "on-failure"} Output
 */
const stdio = {
  inherit: "inherit",
  stderr: ["ignore", 2, 2],
  "on-failure": ["ignore", "pipe", "pipe"],
};

/** @returns {Promise<number>} exit code; 128 + number when a signal ended it */
export function run([program, ...args], { output = "inherit" } = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd: fileURLToPath(root), env: environment(), shell: windows, stdio: stdio[output] };
    const child = spawn(program, args, options);
    const kept = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => kept.push(chunk));
    // A terminal's Ctrl-C reaches the child by itself, and a second one would cut its cleaning up short; whatever else
    // is sent to this process alone is passed on. Either way the child ends first.
    const pass = (signal) => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of signals) process.on(signal, pass);
    child.once("error", (error) => reject(new SetupError(`${program} could not be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      for (const name of signals) process.off(name, pass);
      if (code !== 0) process.stderr.write(Buffer.concat(kept));
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
