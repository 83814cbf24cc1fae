// `npm test`: builds what the tests need, runs every package's tests in one vitest, and closes with one line of counts.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { root } from "./fingerprint.mjs";
import { run, turbo } from "./process.mjs";

const report = new URL("node_modules/.cache/test-results.json", root);

/**
 * @param {string[]} args `--filter=@dynamo/core` for one package's tests; all else is passed on to vitest
 * @param {{ soak?: boolean }} [options] the long runs instead of the tests
 * @returns {Promise<number>} exit code
 */
export async function runTests(args, { soak = false } = {}) {
  const isFilter = (arg) => arg.startsWith("--filter=");
  const filters = args.filter(isFilter);
  const built = await turbo(["build", ...filters, "--output-logs=errors-only"], { output: "on-failure" });
  if (built !== 0) return close({ passed: 0, failed: 1, skipped: 0 }, built);
  rmSync(report, { force: true });
  Object.assign(process.env, { DYNAMO_TEST_RESULTS: fileURLToPath(report), DYNAMO_SOAK: soak ? "1" : "" });
  // A package may have several projects: @dynamo/runtime-web has one in the browser.
  const projects = filters.map((filter) => `--project=${filter.slice("--filter=".length)}*`);
  const rest = args.filter((arg) => !isFilter(arg));
  const vitest = fileURLToPath(new URL("node_modules/vitest/vitest.mjs", root));
  const code = await run([process.execPath, vitest, "run", ...projects, ...rest]);
  return close(counts(), code);
}

function close({ passed, failed, skipped }, code) {
  // Vitest failed although every test that reported passed: a run crashed.
  const wrong = code !== 0 && failed === 0 ? 1 : failed;
  process.stdout.write(`\n${passed} passed, ${wrong} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
  return code === 0 && wrong > 0 ? 1 : code;
}

function counts() {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const {
    testResults,
    numPassedTests,
    numFailedTests,
    numPendingTests,
    numTodoTests = 0,
  } = JSON.parse(readFileSync(report, "utf8"));
  // A file that could not even be loaded fails without any test of it failing.
  const unloaded = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  const skipped = numPendingTests + numTodoTests;
  return { passed: numPassedTests, failed: numFailedTests + unloaded.length, skipped };
}
