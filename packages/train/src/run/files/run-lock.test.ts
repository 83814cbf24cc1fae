/** One process a folder: what is held, what is taken over, what is left. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../../__fixtures__/tiny.js";
import { lockRun } from "./run-lock.js";

let folder: string;
let made = 0;
const place = (): string => join(folder, `run-${made++}`);
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A number that no process has any more. */
const gone = (): number => spawnSync(process.execPath, ["--version"]).pid;

function leave(run: string, lock: object | string): void {
  mkdirSync(run, { recursive: true });
  writeFileSync(join(run, "run.lock"), typeof lock === "string" ? lock : JSON.stringify(lock));
}

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (error: unknown) => (DynamoError.is(error) ? `${error.code}: ${error.message}` : String(error)),
  );

test("a lock is held until it is released, and its error names the process and what to do", async () => {
  const run = place();
  mkdirSync(run);
  const lock = await lockRun(run);
  expect(lock.note).toBeUndefined();
  expect(JSON.parse(readFileSync(join(run, "run.lock"), "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
  expect(await messageOf(lockRun(run))).toMatch(
    new RegExp(
      `^invalid-argument: process ${process.pid} on .* trains in .*: wait for it, or stop it.*delete .*run.lock$`,
    ),
  );
  await lock.release();
  expect(readdirSync(run)).toEqual([]);
  await (await lockRun(run)).release();
});

test("of several that ask at once, one gets it, also when there is a lock to take over", async () => {
  for (const left of [undefined, { pid: gone(), host: hostname(), started: "then" }]) {
    const run = place();
    if (left !== undefined) leave(run, left);
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(run)));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(readdirSync(run)).toEqual(["run.lock"]);
  }
});

test("a lock of a process that is gone is taken over, with a line", async () => {
  const run = place();
  const pid = gone();
  leave(run, { pid, host: hostname(), started: "2026-01-01T00:00:00Z" });
  const lock = await lockRun(run);
  expect(lock.note).toBe(
    `took over a run that process ${pid} on ${hostname()}, begun 2026-01-01T00:00:00Z, left behind`,
  );
  expect(JSON.parse(readFileSync(join(run, "run.lock"), "utf8"))).toMatchObject({ pid: process.pid });
  expect(readdirSync(run)).toEqual(["run.lock"]);
});

test.skipIf(!existsSync("/proc/self/stat"))("so is one whose process's number another process has now", async () => {
  const run = place();
  leave(run, { pid: process.pid, host: hostname(), started: "then", processStart: "1" });
  expect((await lockRun(run)).note).toContain(`process ${process.pid}`);
});

test.each(["", "{", "null", '{"pid":0}'])("and one that was never written whole: %j", async (text) => {
  const run = place();
  leave(run, text);
  expect((await lockRun(run)).note).toBe("took over a run that another process left behind");
});

test("a lock of another machine is held: nobody here knows whether its process lives", async () => {
  const run = place();
  leave(run, { pid: gone(), host: "elsewhere", started: "then" });
  expect(await messageOf(lockRun(run))).toMatch(/^invalid-argument: process \d+ on elsewhere.*: stop it.*delete/);
});

test("folders made for the lock alone go with it, those with something in them stay", async () => {
  const run = join(place(), "deep", "run");
  await (await lockRun(run)).release();
  expect(existsSync(join(run, "../.."))).toBe(false);
  const lock = await lockRun(run);
  writeFileSync(join(run, "run.json"), "{}");
  await lock.release();
  expect(readdirSync(run)).toEqual(["run.json"]);
});
