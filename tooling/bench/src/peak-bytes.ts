import { readFileSync } from "node:fs";

/** This process's peak memory. The kernel's own mark where there is one: what getrusage says includes the parent at the fork. */
export function peakBytes(): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
