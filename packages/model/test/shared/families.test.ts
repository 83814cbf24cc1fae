/** Reference checkpoints of all families, and a published small Llama: what transformers computes from them. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { describe, expect, it } from "vitest";
import { convertCheckpoint } from "../../src/convert.js";
import { loadModel } from "../../src/folder/load.js";
import { familyTests, greedy, readJson, type Greedy } from "../family-fixture.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const families = join(shared, "vectors/families");
/** Hybrids, whose layers keep a state instead of a cache, and heads of other kinds. */
const later = ["qwen3_5", "mtp", "medusa"];

if (!existsSync(families)) {
  it.skip(`skipped: there are no reference checkpoints at ${families} (set DYNAMO_SHARED)`, () => undefined);
} else {
  const folders = readdirSync(families).filter((name) => existsSync(join(families, name, "config.json")));
  describe.each(folders.filter((name) => !later.includes(name)))("%s", (name) => familyTests(join(families, name)));
}

const stories = join(shared, "checkpoints/stories260k");
describe.skipIf(!existsSync(stories))("stories260k (needs ../shared)", () => {
  it("reads the text as its tokenizer should, and writes the greedy ids of transformers", async () => {
    const expected = readJson(stories, "expected-greedy.json") as Greedy & { readonly text: string };
    const place = mkdtempSync(join(tmpdir(), "dynamo-stories260k-"));
    const runtime = createNodeRuntime({ device: "cpu" });
    await convertCheckpoint(stories, join(place, "model"), { dtypes: ["fp32"] });
    const model = await loadModel(runtime, join(place, "model"));
    expect([model.info.beginOfTextId, ...model.tokenizer.encode(expected.text)]).toEqual(expected.prompt);
    expect(await greedy(model, expected)).toEqual(expected.tokens);
    await model.dispose();
    await runtime.dispose();
    rmSync(place, { recursive: true });
  });
});
