/** Keeps `auto`'s measurement from one process to the next: it takes seconds, and the machine rarely changes. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { DeviceChoice } from "@dynamo/core";
import { hasNvidiaDriver, nativeFolder, packageVersion, type Machine } from "./requirements.js";

/** After this long, 30 days in milliseconds, it is measured again: drivers change without a trace that is looked at here. */
const shelfLife = 30 * 24 * 60 * 60 * 1000;

interface Remembered {
  readonly key: string;
  readonly measuredAt: number;
  readonly choice: DeviceChoice;
}

/** What the measurement depends on. */
export function machineKey(machine: Machine, threads: number): string {
  const { platform, arch, environment } = machine;
  const driver = hasNvidiaDriver(machine) ? machine.read("/proc/driver/nvidia/version") : "";
  const folder = nativeFolder(machine);
  const libraries = folder === undefined ? [] : machine.list(folder);
  const variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"];
  const set = variables.map((name) => environment[name] ?? "");
  return JSON.stringify([packageVersion(), platform, arch, threads, driver, libraries, set]);
}

/** The choice that was measured with this key; undefined when there is none, or it is old or unreadable. */
export async function recallChoice(machine: Machine, key: string, now = Date.now()): Promise<DeviceChoice | undefined> {
  try {
    const { key: of, measuredAt, choice } = JSON.parse(await readFile(cacheFile(machine), "utf8")) as Remembered;
    const fresh = of === key && measuredAt <= now && now - measuredAt < shelfLife;
    if (!fresh || !["cpu", "cuda", "webgpu"].includes(choice.device) || typeof choice.reason !== "string")
      return undefined;
    return { device: choice.device, reason: `${choice.reason}, on ${new Date(measuredAt).toISOString().slice(0, 10)}` };
  } catch {
    return undefined;
  }
}

/** A cache folder that cannot be written to costs nothing but the next measurement. */
export async function rememberChoice(
  machine: Machine,
  key: string,
  choice: DeviceChoice,
  now = Date.now(),
): Promise<void> {
  const path = cacheFile(machine);
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, JSON.stringify({ key, measuredAt: now, choice } satisfies Remembered));
    // Whole or not at all, when several processes write at once.
    await rename(draft, path);
  } catch {
    return;
  }
}

function cacheFile({ platform, environment }: Machine): string {
  const own: Partial<Record<NodeJS.Platform, string>> = {
    darwin: join(homedir(), "Library", "Caches"),
    win32: environment["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"),
  };
  const folder = environment["XDG_CACHE_HOME"] ?? own[platform] ?? join(homedir(), ".cache");
  return join(folder, "dynamo", "device.json");
}
