/** A strategy of the user's own, from a module outside the repository: one form, options and errors in every verb. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCli } from "./run-cli.js";

const folder = mkdtempSync(join(tmpdir(), "dynamo-own-"));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const own = write(
  "own.mjs",
  "export default ({ take = 1, ...rest }) => ({ name: JSON.stringify({ take, ...rest }), heads: take, step: ({ positions: [heads] }) => ({ tokens: heads.slice(0, take).map(({ ids }) => ids[0]) }) });",
);
const python = write("own.py", "pass");

describe("--strategy with a module", () => {
  it("makes it from the flags that were given and --strategy-options", async () => {
    const args = ["generate", "--prompt", "a", "--max-new-tokens", "6", "--temperature", "0", "--no-blur"];
    const { code, stdout, stderr } = await runCli([
      ...[...args, "--strategy", own, "--strategy-options", '{"take": 3}', "--json"],
    ]);
    expect([code, stderr.includes("runs as code")]).toEqual([0, true]);
    const { strategy, statistics } = JSON.parse(stdout) as { strategy: string; statistics: { passes: number } };
    expect(JSON.parse(strategy)).toEqual({ take: 3, temperature: 0, blur: false });
    expect(statistics.passes).toBe(2);
  });

  it("is refused in the same words by every verb that takes one", async () => {
    const text = write("text.txt", "One two three four five six seven eight nine ten.");
    const lines = write("lines.jsonl", "");
    const verbs: readonly (readonly string[])[] = [
      ["generate", "--prompt", "a", "--strategy", python],
      ["eval", "compare", "--strategy", python],
      ["tune", folder, "--text", text, "--strategy", python],
    ];
    for (const verb of verbs) {
      const { code, stderr } = await runCli(verb);
      expect([verb[0], code, stderr]).toEqual([
        verb[0],
        4,
        expect.stringMatching(/expected an ES module .* received .*own\.py/),
      ]);
    }
    for (const verb of [["serve"], ["batch", lines, "--out", join(folder, "answers.jsonl")]]) {
      const bare = await runCli([...verb, "--strategy", own]);
      expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining("expected --strategy NAME=MODULE")]);
      const options = await runCli([...verb, "--strategy", `own=${own}`, "--strategy-options", 'onw={"take":1}']);
      expect([options.code, options.stderr]).toEqual([
        2,
        expect.stringContaining("a name of --strategy (own), received onw"),
      ]);
    }
  });

  it("takes no option twice, and the library's strategies take theirs", async () => {
    const generate = ["generate", "--prompt", "a", "--max-new-tokens", "2"];
    const twice = await runCli([...generate, "--temperature", "0", "--strategy-options", '{"temperature": 1}']);
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("as a flag or in --strategy-options")]);
    const unknown = await runCli([...generate, "--strategy-options", '{"temprature": 1}']);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("did you mean temperature?")]);
    const list = await runCli([...generate, "--strategy-options", "[1]"]);
    expect([list.code, list.stderr]).toEqual([2, expect.stringContaining("expected a JSON object")]);
    const nearly = await runCli([...generate, "--strategy", "dinamo"]);
    expect([nearly.code, nearly.stderr]).toEqual([2, expect.stringContaining("did you mean dynamo?")]);
  });
});
