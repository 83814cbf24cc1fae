import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { machineKey, recallChoice, rememberChoice } from "./remembered-choice.js";
import { thisMachine, type Machine } from "./requirements.js";

const choice = { device: "webgpu", reason: "webgpu measured 1.8 x faster than cuda" } as const;
const day = 24 * 60 * 60 * 1000;
const now = Date.UTC(2026, 0, 31);
let folder: string;
let machine: Machine;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runtime-node-"));
  machine = { ...thisMachine(), environment: { XDG_CACHE_HOME: folder } };
});

afterEach(() => rm(folder, { recursive: true }));

test("a choice is recalled with the day that it was measured on, for a month", async () => {
  expect(await recallChoice(machine, "a", now)).toBeUndefined();
  await rememberChoice(machine, "a", choice, now);
  const recalled = { device: "webgpu", reason: "webgpu measured 1.8 x faster than cuda, on 2026-01-31" };
  expect(await recallChoice(machine, "a", now + 29 * day)).toEqual(recalled);
  expect(await recallChoice(machine, "a", now + 30 * day)).toBeUndefined();
  expect(await recallChoice(machine, "a", now - day)).toBeUndefined();
  expect(await recallChoice(machine, "b", now)).toBeUndefined();
  expect(await readdir(join(folder, "dynamo"))).toEqual(["device.json"]);
});

test("what is damaged is measured again", async () => {
  await rememberChoice(machine, "a", choice, now);
  const damaged = ["", "null", `{"key":"a"}`, `{"key":"a","measuredAt":${now},"choice":{"device":"tpu","reason":""}}`];
  for (const text of damaged) {
    await writeFile(join(folder, "dynamo", "device.json"), text);
    expect(await recallChoice(machine, "a", now)).toBeUndefined();
  }
});

test("a folder that cannot be written to is no error", async () => {
  await writeFile(join(folder, "file"), "");
  const blocked = { ...machine, environment: { XDG_CACHE_HOME: join(folder, "file") } };
  await expect(rememberChoice(blocked, "a", choice)).resolves.toBeUndefined();
});

test("threads, drivers and libraries make another measurement", () => {
  const keys = [
    machineKey(machine, 1),
    machineKey(machine, 2),
    machineKey({ ...machine, environment: { VK_DRIVER_FILES: "/a.json" } }, 1),
    machineKey({ ...machine, exists: () => true, read: () => "NVRM 570" }, 1),
    machineKey({ ...machine, exists: () => true, read: () => "NVRM 580" }, 1),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(machineKey(machine, 1)).toBe(keys[0]);
});
