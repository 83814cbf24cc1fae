// Runs the workspace's tools: with their output shown, signals passed on, and pnpm from npm's registry where the
// machine has none.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
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
 * @returns {Promise<number>} exit code
 */
export function runWithPnpm(command) {
  if (hasPnpm()) return run(command);
  return run(["npx", "--yes", "--prefer-offline", `--package=pnpm@${pnpmVersion}`, "--", ...command]);
}

/** @param {string[]} args of `turbo run` */
export function turbo(...args) {
  const binary = fileURLToPath(new URL("node_modules/turbo/bin/turbo", root));
  return runWithPnpm([process.execPath, binary, "run", ...args, "--no-update-notifier"]);
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];

/** @returns {Promise<number>} exit code; 128 + number when a signal ended it */
function run([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: fileURLToPath(root),
      env: environment(),
      shell: windows,
      stdio: "inherit",
    });
    // Ctrl-C goes to the whole foreground group; waiting for the child lets it clean up first.
    const pass = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, pass);
    const done = () => signals.forEach((signal) => process.off(signal, pass));
    child.once(
      "error",
      (error) => (done(), reject(new SetupError(`${program} could not be started: ${error.message}`))),
    );
    child.once("exit", (code, signal) => (done(), resolve(code ?? (signal === "SIGINT" ? 130 : 143))));
  });
}
