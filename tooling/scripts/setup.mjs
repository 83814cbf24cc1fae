// Installs and builds, only when something changed since the last time.
import { fileURLToPath } from "node:url";
import { buildFingerprint, installFingerprint, isFresh, root, stampOf, writeStamp } from "./fingerprint.mjs";
import { runWithPnpm, SetupError, turbo } from "./process.mjs";

/** Throws a SetupError with the tool's exit code. */
export async function ensureInstalled() {
  if (isFresh("install", installFingerprint())) return;
  say("Installing packages (first start, or they changed)…");
  // On a terminal pnpm draws its progress; in a log only what is wrong is worth a line.
  const reporter = process.stderr.isTTY ? [] : ["--reporter=append-only", "--loglevel=warn"];
  const install = ["pnpm", "install", "--frozen-lockfile", "--prefer-offline", ...reporter];
  const code = await runWithPnpm(install, { output: "stderr" });
  if (code !== 0) {
    throw new SetupError("The packages could not be installed (see above). Is the npm registry reachable?", code);
  }
  writeStamp("install", installFingerprint());
}

/** @param {string} target workspace folder; it and what it depends on are built */
export async function ensureBuilt(target) {
  const stamp = stampOf(target);
  if (isFresh(stamp, buildFingerprint(target))) return;
  say("Building (first start, or sources changed)…");
  const code = await turbo(["build", `--filter=./${target}`, "--output-logs=errors-only"], { output: "on-failure" });
  if (code !== 0) throw new SetupError("The build failed (see above).", code);
  writeStamp(stamp, buildFingerprint(target));
}

/** The peer that benchmarks compare with is large and outside the workspace: it is installed only when asked for. */
export async function installPeer() {
  const folder = fileURLToPath(new URL("tooling/bench/peer", root));
  const code = await runWithPnpm([
    "pnpm",
    "--dir",
    folder,
    "install",
    "--ignore-workspace",
    "--ignore-scripts",
    "--frozen-lockfile",
    "--prefer-offline",
  ]);
  if (code !== 0) throw new SetupError("The peer could not be installed (see above).", code);
}

/** Progress goes to stderr: stdout belongs to the job. */
function say(line) {
  process.stderr.write(`${line}\n`);
}
