/** A folder of packages as npm would install them: their published files, and those of what they depend on. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Manifest {
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

const here = fileURLToPath(new URL("..", import.meta.url));

/** What the README's pages import. */
export const pagePackages = ["@dynamo/runtime-web", "@dynamo/decode", "@dynamo/model", "@dynamo/stories"];

/** Makes a project in a temporary folder with the named packages in its node_modules; the caller removes it. */
export function publishedProject(names: readonly string[] = pagePackages): { folder: string; remove(): void } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "dynamo-page-")));
  const seen = new Set<string>();
  for (const name of names) install(name, here, folder, seen);
  return {
    folder,
    remove() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function install(name: string, from: string, project: string, seen: Set<string>): void {
  if (seen.has(name)) return;
  seen.add(name);
  const source = packageFolder(name, from);
  const target = join(project, "node_modules", name);
  const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Manifest;
  mkdirSync(target, { recursive: true });
  // A package of another's lies in the store as it was published.
  const files = name.startsWith("@dynamo/") ? ["package.json", ...(manifest.files ?? [])] : ["."];
  for (const file of files) {
    if (existsSync(join(source, file))) cpSync(join(source, file), join(target, file), { recursive: true });
  }
  for (const dependency of Object.keys(manifest.dependencies ?? {})) install(dependency, source, project, seen);
}

/** pnpm puts a package's dependencies into its own node_modules, or beside it. */
function packageFolder(name: string, from: string): string {
  if (name === "@dynamo/runtime-web") return here;
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const found = join(folder, "node_modules", name);
    if (existsSync(found)) return realpathSync(found);
  }
  throw new Error(`${name} is not installed for ${from}`);
}
