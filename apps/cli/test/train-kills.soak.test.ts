/**
 * kill -9 at any moment, and the run goes on to the same weights. DYNAMO_KILLS sets how often: `pnpm soak:train` kills 20 times.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { command, runCli, spawnCli } from "./run-cli.js";
import { makeTrainingFiles, outcome, stepLosses, succeeded, writeConfig } from "./training-files.js";

const kills = Number(process.env["DYNAMO_KILLS"] ?? 4);
/** A process loads for half a second; it is killed within the one that follows its first line, or while it loads. */
const longestWait = 1000;

let folder: string;
let whole: string;
let config: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-kills-"));
  const { dataset } = await makeTrainingFiles(folder);
  config = await writeConfig(join(folder, "config.json"), { dataset, steps: 60 * kills, checkpointEvery: 3 });
  whole = join(folder, "whole");
  succeeded(await runCli(["train", config, "--out", whole]));
});
afterAll(() => rm(folder, { recursive: true }));

const partials = (run: string): string[] => {
  const checkpoints = join(run, "checkpoints");
  return existsSync(checkpoints) ? readdirSync(checkpoints).filter((name) => name.includes(".partial-")) : [];
};

/** Starts the run and kills it: at a random moment, or as soon as a checkpoint is being written. False when it ended first. */
function startAndKill(run: string, when: "random" | "checkpoint"): Promise<boolean> {
  const resume = existsSync(join(run, "run.json")) ? ["--resume"] : [];
  const left = new Set(partials(run));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, "train", config, "--out", run, ...resume], { stdio: "pipe" });
    let watch: NodeJS.Timeout | undefined;
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (watch !== undefined) return;
      const kill = (): boolean => child.kill("SIGKILL");
      const look = (): void => {
        if (partials(run).some((name) => !left.has(name))) kill();
      };
      watch = when === "random" ? setTimeout(kill, Math.random() * longestWait) : setInterval(look, 1);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(watch);
      if (signal !== "SIGKILL" && code !== 0) reject(new Error(`exit code ${String(code)}: ${stderr}`));
      else resolve(signal === "SIGKILL");
    });
  });
}

it(`killed ${kills} times, a run ends with the weights of one left alone, bit for bit`, async () => {
  const run = join(folder, "killed");
  let [killed, whileWriting] = [0, 0];
  while (killed < kills) {
    const alive = await startAndKill(run, killed % 2 === 0 ? "random" : "checkpoint");
    if (alive) killed++;
    if (partials(run).length > 0) whileWriting++;
    // It ended before it was killed often enough: once more from the beginning.
    if (!alive) rmSync(run, { recursive: true });
  }
  if (!existsSync(join(run, "run.json"))) succeeded(await runCli(["train", config, "--out", run]));
  else succeeded(await runCli(["train", config, "--out", run, "--resume"]));
  expect(outcome(run)).toEqual(outcome(whole));
  expect(stepLosses(run)).toEqual(stepLosses(whole));
  expect(partials(run)).toEqual([]);
  expect(whileWriting).toBeGreaterThan(0);
});

it("one process trains in a folder: a second one is refused, and one that was killed is taken over from", async () => {
  const run = join(folder, "locked");
  const child = spawn(process.execPath, [command, "train", config, "--out", run], { stdio: "pipe" });
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    await new Promise<void>((resolve) => {
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        if (text.includes("checkpoint:")) resolve();
      });
    });
    // It lives, and does not end before the second one has looked.
    child.kill("SIGSTOP");
    const second = await runCli(["train", "--out", run, "--resume", "--json"]);
    expect([second.code, second.stderr]).toEqual([
      2,
      expect.stringMatching(new RegExp(`process ${String(child.pid)} on .* trains in .*: wait for it, or stop it`)),
    ]);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  expect(existsSync(join(run, "run.lock"))).toBe(true);
  const { stderr } = succeeded(await runCli(["train", "--out", run, "--resume"]));
  expect(stderr).toContain(`took over a run that process ${String(child.pid)} on`);
  expect(existsSync(join(run, "run.lock"))).toBe(false);
  expect(outcome(run)).toEqual(outcome(whole));
});

it("stopped by Ctrl-C, a run writes a checkpoint, ends with 130, and goes on to the same weights", async () => {
  const run = join(folder, "interrupted");
  const stopped = await spawnCli(["train", config, "--out", run, "--json"], {
    interruptWhen: (_, stderr) => stderr.includes("checkpoint:"),
  });
  const { steps, finished } = JSON.parse(stopped.stdout) as { steps: number; finished: boolean };
  expect([stopped.code, finished]).toEqual([130, false]);
  expect(existsSync(join(run, "checkpoints", `step-${String(steps).padStart(8, "0")}`))).toBe(true);
  const { stdout } = succeeded(await runCli(["train", "--out", run, "--resume"]));
  expect(existsSync(join(run, "run.lock"))).toBe(false);
  expect(stdout).toContain(`finished after ${60 * kills} steps`);
  expect(outcome(run)).toEqual(outcome(whole));
});
