/** The memory of other processes while they work, and whether it stays what it is. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const isLinux = process.platform === "linux";

/** Resident bytes; 0 for a process that has ended. */
export async function residentBytes(pid: number): Promise<number> {
  // A bare Linux has /proc and not always ps; other systems have ps.
  const text = isLinux
    ? /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1]
    : await run("ps", ["-o", "rss=", "-p", String(pid)]).then(
        ({ stdout }) => stdout,
        () => "0",
      );
  return 1024 * Number(text ?? 0);
}

/** Processes that this one started and that still live. */
export async function childrenOf(parent: number): Promise<number[]> {
  const pairs = isLinux ? await processesOfProc() : await processesOfPs();
  return pairs.filter(([, ppid]) => ppid === parent).map(([pid]) => pid);
}

type PidAndParent = readonly [pid: number, parent: number];

async function processesOfProc(): Promise<PidAndParent[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  return Promise.all(
    pids.map(async (pid): Promise<PidAndParent> => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      // After the name, which may hold anything, stand the state and the parent.
      return [
        pid,
        Number(
          stat
            .slice(stat.lastIndexOf(")") + 1)
            .trim()
            .split(" ")[1],
        ),
      ];
    }),
  );
}

async function processesOfPs(): Promise<PidAndParent[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
  return stdout.split("\n").map((line): PidAndParent => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return [pid ?? 0, parent ?? 0];
  });
}

/** Growth that counts as noise: the larger of the two. */
export interface AllowedGrowth {
  readonly share: number;
  readonly mebibytes: number;
}

export interface MemoryTrend {
  /** Means of the run's second and last quarter, in MiB; the first one is warming up. */
  readonly secondQuarter: number;
  readonly lastQuarter: number;
  readonly most: number;
  /** The run in at most twenty parts of one length each: their means, in whole MiB. */
  readonly course: readonly number[];
  /** MiB. */
  readonly growth: number;
  readonly allowed: number;
  readonly flat: boolean;
}

/** Of samples at even distances. Throws for less than four. */
export function memoryTrend(bytes: readonly number[], { share, mebibytes }: AllowedGrowth): MemoryTrend {
  if (bytes.length < 4) throw new RangeError(`expected at least 4 samples of memory, received ${bytes.length}`);
  const values = bytes.map((value) => value / 2 ** 20);
  const quarter = values.length / 4;
  const secondQuarter = mean(values.slice(Math.floor(quarter), Math.floor(2 * quarter)));
  const lastQuarter = mean(values.slice(Math.floor(3 * quarter)));
  const parts = Math.min(20, values.length);
  const course = Array.from({ length: parts }, (_, part) => {
    const at = (index: number): number => Math.floor((index * values.length) / parts);
    return Math.round(mean(values.slice(at(part), at(part + 1))));
  });
  const growth = lastQuarter - secondQuarter;
  const allowed = Math.max(share * secondQuarter, mebibytes);
  return { secondQuarter, lastQuarter, most: Math.max(...values), course, growth, allowed, flat: growth <= allowed };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
