// Decides in a few milliseconds whether anything has to be installed or built: a stamp file holds a hash of what the
// last install or build saw.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";

export const root = new URL("../../", import.meta.url);
const stamps = new URL("node_modules/.cache/dynamo/", root);
const memberFolders = ["packages", "apps", "tooling"];
/** What a package's build reads; kept equal to turbo.json's inputs of "build". */
const buildInputs = ["src", "model", "index.html", "package.json", "tsconfig.json", "tsup.config.ts", "vite.config.ts"];
const sharedBuildInputs = ["tsconfig.base.json", "turbo.json", "tooling/build/tsup.mjs"];

/** Workspace folders from the root, e.g. "packages/core". */
export function members() {
  return memberFolders.flatMap((folder) =>
    readdirSync(new URL(folder, root))
      .map((name) => `${folder}/${name}`)
      .filter((member) => existsSync(new URL(`${member}/package.json`, root))),
  );
}

/** Contents, not times: a fresh checkout of the same lockfile needs no install. */
export function installFingerprint() {
  const hash = createHash("sha256").update(process.version);
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
  for (const file of [...files, ...members().map((member) => `${member}/package.json`)]) {
    hash.update(file).update(readFileSync(new URL(file, root)));
  }
  return hash.digest("hex");
}

/** Path, size and time of every source that `target` may be built from. */
export function buildFingerprint(target) {
  const hash = createHash("sha256");
  for (const file of sharedBuildInputs) addEntry(hash, file);
  for (const member of members()) {
    if (member !== target && !member.startsWith("packages/")) continue;
    for (const input of buildInputs) addEntry(hash, `${member}/${input}`);
    // A dist that somebody removed has to be built again.
    hash.update(String(existsSync(new URL(`${member}/dist`, root))));
  }
  return hash.digest("hex");
}

function addEntry(hash, path) {
  const stat = statSync(new URL(path, root), { throwIfNoEntry: false });
  if (stat === undefined || path.endsWith(".test.ts")) return;
  if (!stat.isDirectory()) {
    hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
    return;
  }
  for (const name of readdirSync(new URL(path, root)).sort()) addEntry(hash, `${path}/${name}`);
}

/** True when nothing has to be installed or built for `target`. */
export function isReady(target) {
  return isFresh("install", installFingerprint()) && isFresh(stampOf(target), buildFingerprint(target));
}

/** @param {string} target workspace folder */
export const stampOf = (target) => `build-${target.replaceAll("/", "-")}`;

export function isFresh(stamp, fingerprint) {
  const file = new URL(stamp, stamps);
  return existsSync(file) && readFileSync(file, "utf8") === fingerprint;
}

export function writeStamp(stamp, fingerprint) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(new URL(stamp, stamps), fingerprint);
}
