/** `pnpm bench [name…] [--quick] [--json FILE] [--list] [--model NAME=FOLDER …]`: runs benches and prints what they measured and on what. */
import { existsSync, writeFileSync } from "node:fs";
import { benches, type BenchResult, loadBench } from "./bench.js";
import { describeEnvironment, type Environment } from "./environment.js";
import { type Options, parseOptions } from "./options.js";
import { SkippedBench } from "./shared-data.js";
import { formatTable } from "./table.js";

interface Outcome {
  readonly name: string;
  readonly seconds: number;
  readonly rows?: BenchResult["rows"];
  /** Why it did not run though nothing is wrong. */
  readonly skipped?: string;
  readonly error?: string;
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options.list) {
    print(formatTable(Object.entries(benches).map(([name, measures]) => ({ name, measures }))));
    return;
  }
  const environment = describeEnvironment(new URL("../../../", import.meta.url));
  print(describe(environment, options));
  const outcomes: Outcome[] = [];
  for (const name of options.names) {
    const outcome = await runBench(name, options);
    print(
      `\n${name} (${outcome.seconds.toFixed(1)} s)\n${outcome.error ?? outcome.skipped ?? formatTable(outcome.rows ?? [])}`,
    );
    outcomes.push(outcome);
  }
  if (options.json !== undefined) {
    const command = ["pnpm bench", ...args].join(" ");
    writeJson(options.json, { command, ...environment, settings: { quick: options.quick }, outcomes });
  }
  if (outcomes.some((outcome) => outcome.error !== undefined)) process.exitCode = 1;
}

/** A bench that fails is reported with the others; it does not end the run. */
async function runBench(name: string, { quick, models }: Options): Promise<Outcome> {
  const start = performance.now();
  const finish = (rest: Partial<Outcome>): Outcome => ({ name, seconds: secondsSince(start), ...rest });
  if (name.startsWith("peer") && !existsSync(new URL("../peer/node_modules/", import.meta.url))) {
    return finish({ skipped: "not installed: `pnpm bench:peer` installs and measures it" });
  }
  try {
    const bench = await loadBench(name, new URL("./", import.meta.url));
    if (bench === undefined) return finish({ error: "not there" });
    const result = await bench({ quick, models });
    return finish({ name: result.name, rows: result.rows });
  } catch (error) {
    if (error instanceof SkippedBench) return finish({ skipped: error.message });
    return finish({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

/** To the millisecond. */
function secondsSince(start: number): number {
  return Math.round(performance.now() - start) / 1000;
}

function describe({ machine, versions, date, commit }: Environment, { quick }: Options): string {
  const where = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os}`;
  const what = `Node ${versions["node"] ?? ""}, onnxruntime-node ${versions["onnxruntime-node"] ?? ""}, commit ${commit ?? "unknown"}`;
  return `${where}\n${what}, ${date}${quick ? "\nquick run: these figures are not for quoting" : ""}`;
}

function writeJson(file: string, value: object): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
  print(`\nwritten to ${file}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
