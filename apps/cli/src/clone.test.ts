/** What README.md says of a clone: `npx dynamo …` is this command, with npm alone. */
import { readFileSync, statSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("../../../", import.meta.url);

it("npx dynamo runs this command in the clone's root", () => {
  const shim = new URL("node_modules/.bin/dynamo", root);
  expect(readFileSync(shim, "utf8")).toContain("@dynamo/cli/bin/dynamo.js");
  expect(statSync(shim).mode & 0o111).not.toBe(0);
  expect(readFileSync(new URL("README.md", root), "utf8")).not.toContain("pnpm dynamo");
});
