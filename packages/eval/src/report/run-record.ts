/** What a result was measured on, and by which command: a figure without it means nothing. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { DynamoError } from "@dynamo/core";
import {
  checkOptions,
  checkValue,
  isPlainObject,
  listOf,
  numberFrom,
  required,
  text,
  valueCheck,
  type OptionChecks,
} from "@dynamo/core/options";

/** How and when results were made. */
export interface RunRecord {
  /** A shell's line that does it again. */
  readonly command: string;
  /** ISO 8601, of the end. */
  readonly date: string;
  /** Wall-clock; of this process alone, where a run was taken up again. */
  readonly seconds: number;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly os: string;
    /** Of the last minute, at the end of the run: well above its own threads, others had the machine too. */
    readonly load: number;
  };
  readonly versions: Readonly<Record<string, string>>;
}

export interface RunFacts {
  readonly seconds: number;
  readonly versions?: Readonly<Record<string, string>>;
}

const factChecks: OptionChecks<RunFacts> = {
  seconds: required(numberFrom(0)),
  versions: valueCheck<Readonly<Record<string, string>>>(
    "versions by name",
    (value) => isPlainObject(value) && Object.values(value as object).every((each) => typeof each === "string"),
  ),
};

/** `versions` are added to Node's and ONNX Runtime's. */
export function describeRun(words: readonly string[], facts: RunFacts): RunRecord {
  checkValue("words", words, listOf(text, "a list of a command's words"));
  checkOptions("describeRun()", facts, factChecks);
  const { seconds, versions = {} } = facts;
  return {
    command: words.map(quoted).join(" "),
    date: new Date().toISOString(),
    seconds,
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      os: `${type()} ${release()} ${arch()}`,
      load: loadavg()[0] ?? 0,
    },
    versions: { node: process.versions.node, ...versions },
  };
}

/** Of an installed package, as `from` (a module's URL) finds it. Throws `not-found`. */
export function versionOf(name: string, from: string): string {
  checkValue("name", name, text);
  checkValue("from", from, text);
  try {
    const file = createRequire(from).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  } catch (cause) {
    throw new DynamoError("not-found", `cannot read the version of ${name}`, { cause });
  }
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
