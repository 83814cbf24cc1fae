/** How many threads a CPU operator gets. */
import { availableParallelism } from "node:os";
import { thisMachine, type Machine } from "./requirements.js";

/** Decoding reads weights at the memory's speed: more threads than this only wait for each other. */
const usefulThreads = 16;
/** No machine has more. */
export const mostThreads = 1024;

/** Physical cores that this process may use, or what the caller asked for. */
export function threadCount(
  wanted: number | undefined,
  available = availableParallelism(),
  machine = thisMachine(),
): number {
  if (wanted !== undefined) return wanted;
  return Math.max(1, Math.min(available, physicalCores(machine) ?? available, usefulThreads));
}

/** Two hyper-threads share one core's arithmetic units, so a second one adds nothing to a matrix product. */
function physicalCores({ platform, read }: Machine): number | undefined {
  if (platform !== "linux") return undefined;
  const cores = new Set<string>();
  for (const block of read("/proc/cpuinfo").split("\n\n")) {
    const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1];
    if (core !== undefined) cores.add(`${/^physical id\s*:\s*(\d+)/m.exec(block)?.[1] ?? "0"}/${core}`);
  }
  return cores.size === 0 ? undefined : cores.size;
}
