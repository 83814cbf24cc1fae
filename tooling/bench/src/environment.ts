/** What a measurement was made on: a figure without it means nothing. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, release, totalmem, type } from "node:os";

export interface Environment {
  readonly date: string;
  /** Commit of the checkout, with "+" when it had changes; undefined outside of git. */
  readonly commit: string | undefined;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly os: string };
  readonly versions: Readonly<Record<string, string>>;
}

/** @param root of the checkout */
export function describeEnvironment(root: URL): Environment {
  return {
    date: new Date().toISOString(),
    commit: commitOf(root),
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      os: `${type()} ${release()} ${arch()}`,
    },
    versions: { node: process.versions.node, "onnxruntime-node": onnxRuntimeVersion(), ...packageVersions(root) },
  };
}

function commitOf(root: URL): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
  } catch {
    return undefined; // a downloaded archive, or no git
  }
}

function onnxRuntimeVersion(): string {
  return versionIn(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
}

function packageVersions(root: URL): Record<string, string> {
  const packages = readdirSync(new URL("packages", root));
  return Object.fromEntries(
    packages.map((name) => [`@dynamo/${name}`, versionIn(new URL(`packages/${name}/package.json`, root))]),
  );
}

function versionIn(file: string | URL): string {
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
