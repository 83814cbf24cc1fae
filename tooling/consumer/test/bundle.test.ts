/** Bundled for Node, a program needs one setting, and without it the error names that setting. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as esbuild from "esbuild";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelPath } from "@dynamo/stories";

const run = promisify(execFile);
const here = fileURLToPath(new URL("..", import.meta.url));
const program = join(here, "test/program.mjs");
let folder: string;
let unbundled: string;

/** What the program prints, or its error. */
async function output(file: string): Promise<string> {
  try {
    return (await run(process.execPath, [file, modelPath])).stdout;
  } catch (error) {
    return (error as { readonly stderr: string }).stderr;
  }
}

async function bundle(name: string, external: string[]): Promise<string> {
  const outfile = join(folder, `${name}.mjs`);
  const common = { bundle: true, platform: "node", format: "esm", logLevel: "silent" } as const;
  await esbuild.build({ ...common, entryPoints: [program], outfile, external });
  return outfile;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-bundle-"));
  // What stays outside is found as in the consumer's own folder.
  symlinkSync(join(here, "node_modules"), join(folder, "node_modules"), "junction");
  unbundled = await output(program);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("unbundled it continues a text", () => {
  expect(JSON.parse(unbundled)).toMatch(/^\W*\w+ \w+/);
});

test("esbuild, to one file, with @dynamo/runtime-node external", async () => {
  expect(await output(await bundle("external", ["@dynamo/runtime-node"]))).toBe(unbundled);
});

test.each([[[]], [["onnxruntime-node"]]])(
  "esbuild with only %j external: the program names the setting",
  async (external) => {
    const file = await bundle(`without-${external.length}`, external);
    expect(await output(file)).toContain("a bundler must leave @dynamo/runtime-node out of the bundle (external)");
  },
);

test("Vite's SSR build", async () => {
  await build({
    root: here,
    configFile: false,
    logLevel: "silent",
    // Packages that npm installed stay outside by themselves; here they are linked.
    ssr: { external: ["@dynamo/runtime-node"] },
    build: { ssr: program, outDir: join(folder, "ssr"), target: "es2023" },
  });
  expect(await output(join(folder, "ssr/program.js"))).toBe(unbundled);
});
