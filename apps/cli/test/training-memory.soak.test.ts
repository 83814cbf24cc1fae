/** Memory that runs out while a run trains: a limit of the system's own, set just above what the same model needs for one row. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { command, runCli, spawnCli } from "./run-cli.js";
import { makeTrainingFiles, outcome, succeeded, writeConfig } from "./training-files.js";

/** Few weights and very wide inner layers: one tensor of 32 rows takes 67 MB, and a step keeps a dozen of them. */
const architecture = { hiddenSize: 16, layers: 2, attentionHeads: 2, contextLength: 64, intermediateSize: 16_384 };

/** Above the one row's peak, for what differs from start to start; far below what 32 rows need. In KiB, as `ulimit` counts. */
const margin = 300 * 1024;

let folder: string;
let dataset: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-memory-"));
  ({ dataset } = await makeTrainingFiles(folder));
});
afterAll(() => rm(folder, { recursive: true }));

const configOf = (name: string, changes: Record<string, unknown>): Promise<string> =>
  writeConfig(join(folder, `${name}.json`), { architecture, dataset, checkpointEvery: 1, ...changes });

/** Makes a process tell the most address space that it ever had (V8 reserves far more than it uses), in KiB. */
const tellPeak = `data:text/javascript,${encodeURIComponent(
  `import { readFileSync } from "node:fs";
  process.on("exit", () => console.error(readFileSync("/proc/self/status", "utf8").match(/VmPeak:.*kB/)[0]));`,
)}`;

async function peakOf(args: readonly string[]): Promise<number> {
  const { stderr } = succeeded(await spawnCli(args, { env: { NODE_OPTIONS: `--import=${tellPeak}` } }));
  return Math.max(...[...stderr.matchAll(/VmPeak:\s+(\d+) kB/g)].map(([, size]) => Number(size)));
}

/** The command in an address space of so many KiB. */
const runWithin = (limit: number, args: readonly string[]) =>
  spawnSync("sh", ["-c", 'ulimit -v "$0" && exec "$@"', String(limit), process.execPath, command, ...args], {
    encoding: "utf8",
  });

it("ends the run with what it needs and what to lower; its checkpoint stays, and the run goes on later", async (context) => {
  if (process.platform !== "linux") context.skip("a limit of the address space (ulimit -v) is Linux's");
  const config = await configOf("many-rows", { steps: 40, batch: 32 });
  const run = join(folder, "run");
  const interruptWhen = (_: string, stderr: string): boolean => /step \d+ of 40/.test(stderr);
  expect((await spawnCli(["train", config, "--out", run], { interruptWhen })).code).toBe(130);
  const before = outcome(run);

  const oneRow = await configOf("one-row", { steps: 2, batch: 1 });
  const limit = (await peakOf(["train", oneRow, "--out", join(folder, "one-row")])) + margin;
  const { status, stdout } = runWithin(limit, ["train", "--out", run, "--resume", "--json"]);
  expect([status, JSON.parse(stdout)]).toEqual([
    1,
    {
      error: {
        code: "out-of-memory",
        message: expect.stringMatching(
          /^at step \d+, .*out of memory: .*; this run needs about [\d.]+ [MG]B \(.* for activations\): lower batch .* or sequence.*; the checkpoint of step \d+ is as it was$/,
        ) as string,
      },
    },
  ]);
  expect(outcome(run)).toEqual(before);
  succeeded(await runCli(["train", "--out", run, "--resume"]));
});
