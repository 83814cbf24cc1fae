/** `npm install --engine-strict` works on every Node that the packages name: so does each dependency, and theirs. */
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import semver from "semver";
import { expect, test } from "vitest";
import { published, readPackage, type Package } from "./workspace.js";

/** Where Node finds a package from a folder; undefined for an optional one of another platform. */
function find(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return realpathSync(candidate);
    if (folder === dirname(folder)) return undefined;
  }
}

/** Everything that an installation of the published packages brings. */
function installed(): readonly Package[] {
  const found = new Map<string, Package>();
  const visit = (pack: Package): void => {
    if (found.has(pack.folder)) return;
    found.set(pack.folder, pack);
    const { dependencies = {}, optionalDependencies = {} } = pack.manifest;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const folder = find(name, pack.folder);
      if (folder !== undefined) visit(readPackage(folder));
      else if (!(name in optionalDependencies)) throw new Error(`${pack.manifest.name} lacks ${name}`);
    }
  };
  for (const pack of published) visit({ ...pack, folder: realpathSync(pack.folder) });
  return [...found.values()];
}

// What the packages promise: from 20.19 on, whatever is newer within a line that has long-term support, and lines after it.
const promised = "20.19.0 || ^20.19.0 || 22.12.0 || ^22.12.0 || >=24.0.0";

test("every package that is published names the same Node", () => {
  expect(new Set(published.map(({ manifest }) => manifest.engines?.node))).toEqual(new Set([">=20.19"]));
});

test("every production dependency, direct or not, runs on these versions of Node", () => {
  const all = installed();
  // Smaller would mean that dependencies were not found.
  expect(all.length).toBeGreaterThan(published.length + 50);
  const narrower = all
    .filter(({ manifest }) => !semver.subset(promised, manifest.engines?.node ?? "*"))
    .map(({ manifest: { name, version, engines } }) => `${name}@${version} wants Node ${engines?.node ?? "any"}`);
  expect(narrower).toEqual([]);
});
