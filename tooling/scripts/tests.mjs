// `npm test`: every package's vitest through turbo, and one closing line that adds them all up.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { members, root } from "./fingerprint.mjs";
import { turbo } from "./process.mjs";

/** Where tooling/build/vitest.mjs writes a package's counts. */
const reportFile = "node_modules/.cache/test-results.json";

/**
 * @param {string[]} args passed on to turbo, e.g. ["--filter=@dynamo/core"]
 * @returns {Promise<number>} exit code
 */
export async function runTests(args) {
  const tested = members().filter((member) => read(`${member}/package.json`).scripts?.test !== undefined);
  for (const member of tested) rmSync(new URL(`${member}/${reportFile}`, root), { force: true });
  process.env.DYNAMO_TEST_RESULTS = reportFile;
  // Two at a time: a test run is bound by the cores, and vitest starts its own workers.
  const code = await turbo(["test", "--concurrency=2", "--continue=dependencies-successful", ...args]);
  // Without a report a package was not asked for; or, in a run of all of them that failed, it did not get that far.
  const missing = { passed: 0, failed: code !== 0 && args.length === 0 ? 1 : 0, skipped: 0 };
  const counts = tested.map((member) => count(member) ?? missing).reduce(add);
  // Turbo failed although every test that reported passed: a build broke, or a run crashed.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  return code === 0 && counts.failed > 0 ? 1 : code;
}

/** undefined without a report. */
function count(member) {
  if (!existsSync(new URL(`${member}/${reportFile}`, root))) return undefined;
  const report = read(`${member}/${reportFile}`);
  // A file that could not even be loaded fails without any test of it failing.
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.length,
  );
  const failed = report.numFailedTests + unloaded.length;
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + (report.numTodoTests ?? 0) };
}

const add = (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped });
const read = (path) => JSON.parse(readFileSync(new URL(path, root), "utf8"));
