/** The strategies of the README: they stand there as they stand here, and keep the contract. */
import { readFile } from "node:fs/promises";
import { tableModel } from "@dynamo/core/testing";
import { describe, expect, it } from "vitest";
import { autoregressive, generate } from "../../src/index.js";
import { strategyContract } from "../../src/testing.js";
import { confident } from "./confident.js";
import { lookUp } from "./look-up.js";

const here = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8");

it.each(["confident", "look-up"])("README.md has %s.ts", async (name) => {
  const code = (await here(`${name}.ts`)).replace("../../src/index.js", "@dynamo/decode");
  expect(await here("../../README.md")).toContain(`\`\`\`ts\n${code}\`\`\``);
});

strategyContract("confident", () => confident(0.5), { describe, expect, it });
strategyContract("look-up", () => lookUp(), { describe, expect, it });

it("look-up saves passes where a text repeats itself, and writes what head 1 writes", async () => {
  // After 1 comes 2, then 3, 4, and 1 again.
  const table = Array.from({ length: 5 }, (_, token) =>
    Array.from({ length: 5 }, (__, id) => (id === 1 + (token % 4) ? 30 : 0)),
  );
  const settings = { seed: 1, maxNewTokens: 30 };
  const plain = await generate(tableModel({ table: [table] }), [1], { ...settings, strategy: autoregressive() });
  const drafted = await generate(tableModel({ table: [table] }), [1], { ...settings, strategy: lookUp() });
  expect(drafted.tokens).toEqual(plain.tokens);
  // Five tokens until two have come before, then five per pass.
  expect([plain.statistics.passes, drafted.statistics.passes]).toEqual([30, 10]);
});
