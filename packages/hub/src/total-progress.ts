/** One total of all files that are downloaded: those that are here count as loaded. */
import type { HubFile } from "./listing.js";
import type { HubOptions } from "./options.js";

export function totalProgress(
  files: readonly HubFile[],
  missing: readonly HubFile[],
  report: HubOptions["onProgress"],
): (file: HubFile, bytes: number) => void {
  const sum = (of: Iterable<number>): number => [...of].reduce((a, b) => a + b, 0);
  const all = sum(files.map(({ size }) => size));
  const here = all - sum(missing.map(({ size }) => size));
  const loaded = new Map<string, number>();
  return (file, bytes) => {
    loaded.set(file.path, bytes);
    report?.({ stage: "downloading", loaded: here + sum(loaded.values()), total: all });
  };
}
