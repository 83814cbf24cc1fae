/** Reference Medusa heads in the layouts of their loaders: head i is token head i + 2. */
import { existsSync } from "node:fs";
import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { convertCheckpoint } from "../../src/convert.js";
import { loadModel } from "../../src/folder/load.js";
import { logitsInPieces, pieceSizes } from "../logits-in-pieces.js";
import { difference, readLogits } from "../read-logits.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const families = join(shared, "vectors/families");
const folder = join(families, "medusa");

const readTokens = async (of: string): Promise<{ readonly tokens: number[][]; readonly base: string }> =>
  JSON.parse(await readFile(join(of, "tokens.json"), "utf8")) as { tokens: number[][]; base: string };

if (!existsSync(folder)) {
  it.skip(`skipped: there are no reference heads at ${folder} (set DYNAMO_SHARED)`, () => undefined);
} else {
  describe.each(["vllm", "fasterdecoding"])("%s", (layout) => {
    let target: string;
    const runtime = createNodeRuntime({ device: "cpu" });
    beforeAll(async () => {
      target = await mkdtemp(join(tmpdir(), "dynamo-medusa-"));
    });
    afterAll(async () => {
      await runtime.dispose();
      await rm(target, { recursive: true });
    });

    test("has the loader's logits beside the base's", async () => {
      const { tokens, base } = await readTokens(folder);
      const model = join(target, "model");
      await convertCheckpoint(join(folder, base), model, { medusa: join(folder, layout) });
      const loaded = await loadModel(runtime, model);
      expect(loaded.info).toMatchObject({ tokenHeads: 3, untrainedHeads: [] });
      const heads = readLogits(join(folder, "expected-logits.safetensors"), ["medusa_0", "medusa_1"]);
      const first = readLogits(join(folder, base, "expected-logits.safetensors"), ["head_1"]);
      const { tokens: baseTokens } = await readTokens(join(folder, base));
      for (const sizeOf of pieceSizes) {
        const received = await logitsInPieces(loaded, tokens, sizeOf);
        received.forEach((logits, row) => {
          const own = logits.filter((_, i) => i % 3 > 0);
          expect(difference(own, heads, row).largest).toBeLessThan(1e-3);
        });
        const ofBase = await logitsInPieces(loaded, baseTokens, sizeOf);
        ofBase.forEach((logits, row) => {
          const own = logits.filter((_, i) => i % 3 === 0);
          expect(difference(own, first, row).largest).toBeLessThan(1e-3);
        });
      }
      await loaded.dispose();
    });
  });
}
