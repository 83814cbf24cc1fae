/** The packages that are published, and where they are. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly engines?: { readonly node?: string };
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  readonly folder: string;
  readonly manifest: Manifest;
}

export const root: string = fileURLToPath(new URL("../../..", import.meta.url));

export function readPackage(folder: string): Package {
  return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest };
}

/** All of packages/ and apps/ that npm gets. */
export const published: readonly Package[] = ["packages", "apps"]
  .flatMap((group) => readdirSync(join(root, group)).map((name) => readPackage(join(root, group, name))))
  .filter(({ manifest }) => manifest.private !== true);
