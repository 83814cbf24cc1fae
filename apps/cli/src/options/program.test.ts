/** Command lines that fit no schema: what is said of them, before any verb's code is loaded. */
import type { CommanderError } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "../program.js";
import { usageMessage } from "./usage.js";

const program = () => createProgram({ signal: new AbortController().signal, redirect: () => undefined });

/** What standard error gets, and commander's exit code; a line that fits would run its verb. */
async function refusal(args: readonly string[]): Promise<{ readonly said: string; readonly json: string }> {
  const own = program();
  let said = "";
  for (const command of [own, ...own.commands, ...own.commands.flatMap(({ commands }) => commands)])
    command.configureOutput({
      writeErr: (text) => {
        said += text;
      },
      writeOut: () => undefined,
    });
  const error = await own.parseAsync(["node", "dynamo", ...args]).then(
    () => undefined,
    (thrown: unknown) => thrown as CommanderError,
  );
  expect(error?.exitCode).toBe(1);
  return { said, json: usageMessage(error?.message ?? "", own) };
}

test.each<[line: string, message: string]>([
  // A value outside the range, of the wrong kind, or no value at all: expected, received, and what is legal.
  ["generate --top-k 0", "expected a whole number from 1 to 1024, received 0"],
  ["generate --top-k 2.5", "expected a whole number from 1 to 1024, received 2.5"],
  ["generate --temperature warm", "expected a number of at least 0, received warm"],
  ["generate --temperature=-1", "expected a number of at least 0, received -1"],
  ["generate --backoff 1.5", "expected a number from 0 to 1, received 1.5"],
  ["generate --max-new-tokens 0", "expected a whole number of at least 1, received 0"],
  ["demo --seed -3", "expected a whole number of at least 0, received -3"],
  ["serve --port 65536", "expected a whole number from 0 to 65535, received 65536"],
  ["serve --request-timeout 0", "expected a number above 0, received 0"],
  ["eval compare --backoff 0,2", "expected a number from 0 to 1, received 2"],
  ["tune m --text t --documents 3", "expected a whole number of at least 4, received 3"],
  // One of several names: all of them, and the nearest.
  ["generate --device cp", "expected one of auto, cpu, cuda, webgpu, received cp; did you mean cpu?"],
  ["convert c --out o --dtype fp32,q5", "expected one of fp32, fp16, q8, q4, int8, received q5; did you mean q8?"],
  ["serve --log-level verbose", "expected one of fatal, error, warn, info, debug, silent, received verbose"],
  // An option that there is not: the nearest one, or the verbs that have it.
  ["generate --temprature 1", "Did you mean --temperature?"],
  ["generate --slots 3", "unknown option '--slots' here: it is an option of serve, batch"],
  ["--seed 1 generate", "it is an option of demo, generate, chat"],
  ["genrate", "Did you mean generate?"],
  ["convert c", "required option '--out <folder>' not specified"],
  ["eval tasks --limit", "argument missing"],
])("%s", async (line, message) => {
  const { said, json } = await refusal(line.split(" "));
  expect(said).toContain(message);
  expect(json).toContain(message);
});

test("each option has a help, and each default is legal by its own schema", () => {
  const own = program();
  const all = [...own.commands, ...own.commands.flatMap(({ commands }) => commands)];
  expect(all.length).toBeGreaterThan(25);
  for (const command of all)
    for (const option of command.options) {
      expect([command.name(), option.flags, option.description.length > 4]).toEqual([
        command.name(),
        option.flags,
        true,
      ]);
      const { parseArg, defaultValue } = option;
      if (parseArg === undefined || defaultValue === undefined) continue;
      const parse = parseArg as (text: string, before: unknown) => unknown;
      expect(parse(String(defaultValue), undefined)).toEqual(defaultValue);
    }
});
