// `pnpm changeset:verify [base]`: fails when a package changed since `base` and no changeset says so.
// The base is the argument, or DYNAMO_BASE, or origin/main where that is not what is checked out.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { root } from "./fingerprint.mjs";

const cwd = fileURLToPath(root);

/** undefined when git does not know the revision. */
function commitOf(revision) {
  const git = spawnSync("git", ["rev-parse", "--verify", "--quiet", `${revision}^{commit}`], { cwd, encoding: "utf8" });
  return git.status === 0 ? git.stdout.trim() : undefined;
}

const asked = process.argv[2] ?? process.env.DYNAMO_BASE;
const base = commitOf(asked ?? "origin/main");
if (asked !== undefined && base === undefined) {
  console.error(`"${asked}" is no commit of this repository; expected the base to compare with`);
  process.exit(2);
}
if (base === undefined || base === commitOf("HEAD")) {
  console.log("no base to compare with: changesets are not checked (give one as argument or in DYNAMO_BASE)");
} else {
  const binary = fileURLToPath(new URL("node_modules/@changesets/cli/bin.js", root));
  const { status } = spawnSync(process.execPath, [binary, "status", `--since=${base}`], { cwd, stdio: "inherit" });
  process.exitCode = status ?? 1;
}
