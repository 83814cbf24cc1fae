/** A reference MTP module: its logits with the true token between, and its greedy drafts. */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { convertCheckpoint } from "../../src/convert.js";
import { loadModel } from "../../src/folder/load.js";
import { logitsInPieces, pieceSizes } from "../logits-in-pieces.js";
import { difference, readLogits } from "../read-logits.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const folder = join(shared, "vectors/families/mtp");

if (!existsSync(folder)) {
  it.skip(`skipped: there is no reference module at ${folder} (set DYNAMO_SHARED)`, () => undefined);
} else {
  describe("a Qwen 3 with a module in Qwen 3 Next's names", () => {
    const { tokens, next_tokens, drafts } = JSON.parse(readFileSync(join(folder, "tokens.json"), "utf8")) as {
      readonly tokens: number[][];
      readonly next_tokens: number[];
      readonly drafts: number[][];
    };
    const runtime = createNodeRuntime({ device: "cpu" });
    let target: string;
    beforeAll(async () => {
      target = await mkdtemp(join(tmpdir(), "dynamo-mtp-"));
      await convertCheckpoint(folder, target, { mtp: true, tokenHeads: 4, overwrite: true });
    });
    afterAll(async () => {
      await runtime.dispose();
      await rm(target, { recursive: true });
    });

    test("has the loader's logits behind the true next token, however the tokens are fed", async () => {
      const model = await loadModel(runtime, target);
      expect(model.info).toMatchObject({ tokenHeads: 4, untrainedHeads: [] });
      const expected = readLogits(join(folder, "expected-logits.safetensors"), ["head_1", "mtp_1"]);
      const known = tokens.map((row, i) => [...row, next_tokens[i] as number]);
      for (const sizeOf of pieceSizes) {
        const received = await logitsInPieces(model, tokens, sizeOf, known);
        received.forEach((logits, row) => {
          const own = logits.filter((_, i) => i % 4 < 2);
          expect(difference(own, expected, row).largest).toBeLessThan(1e-3);
        });
      }
      await model.dispose();
    });

    test("drafts what the loader drafts, one pass for all of them", async () => {
      const model = await loadModel(runtime, target);
      const cache = await model.createCache({ rows: 2 });
      const feeds = tokens.map((row) => ({ tokens: row }));
      const { candidates } = await model.forward(cache, feeds, { heads: 4, topK: 1 });
      const best = candidates.map(([heads = []]) => heads.map(({ ids }) => ids[0]));
      expect(best).toEqual(drafts.map((row, i) => [next_tokens[i], ...row]));
      await model.dispose();
    });
  });
}
