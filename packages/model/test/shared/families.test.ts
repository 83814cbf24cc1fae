/** Reference checkpoints of all families: what transformers computes from them. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "vitest";
import { familyTests } from "../family-fixture.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const families = join(shared, "vectors/families");
/** Hybrids, whose layers keep a state instead of a cache, and heads of other kinds. */
const later = ["lfm2", "qwen3_5", "mtp", "medusa"];

if (!existsSync(families)) {
  it.skip(`skipped: there are no reference checkpoints at ${families} (set DYNAMO_SHARED)`, () => undefined);
} else {
  const folders = readdirSync(families).filter((name) => existsSync(join(families, name, "config.json")));
  describe.each(folders.filter((name) => !later.includes(name)))("%s", (name) => familyTests(join(families, name)));
}
