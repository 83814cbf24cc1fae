/** An editor shows something for every name that the packages export. */
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { exportsOf } from "./exports.js";
import { published, root } from "./workspace.js";

const entries = published.flatMap(({ folder, manifest }) =>
  Object.values(manifest.exports ?? {}).flatMap((target) => {
    const source = typeof target === "string" ? undefined : target["@dynamo/source"];
    return source === undefined ? [] : [join(folder, source)];
  }),
);

test("every export has a doc comment", () => {
  const all = entries.flatMap((entry) => exportsOf(entry));
  // Fewer would mean that exports were not found.
  expect(all.length).toBeGreaterThan(200);
  const bare = all.flatMap(({ name, found }) =>
    found === undefined || found.documented ? [] : [`${relative(root, found.file)}: ${name}`],
  );
  expect([...new Set(bare)].sort()).toEqual([]);
});
