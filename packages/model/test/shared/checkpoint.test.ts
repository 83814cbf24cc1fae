/** The reference checkpoints: reading them, and the float64 oracle against the logits that came with them. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { viewOf } from "@dynamo/core";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { describe, expect, it } from "vitest";
import { referenceLogits } from "../../src/__oracle__/reference-forward.js";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { nodeFolder } from "../../src/node-folder.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const vectors = join(shared, "vectors");

function expectedLogits(
  name: string,
  head: number,
): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const bytes = new Uint8Array(readFileSync(join(vectors, name, "expected-logits.safetensors")));
  const entry = parseSafetensorsHeader(bytes, bytes.length).tensors.get(`head_${head}`);
  if (entry === undefined) throw new Error(`${name} has no logits of head ${head}`);
  const data = bytes.slice(entry.byteOffset, entry.byteOffset + entry.byteLength);
  return { shape: entry.shape, data: viewOf("float32", data.buffer, 0, data.length / 4) };
}

if (!existsSync(vectors)) {
  it.skip(`skipped: there are no reference checkpoints at ${vectors} (set DYNAMO_SHARED)`, () => undefined);
} else {
  describe.each([
    { name: "neox-t1", heads: 1 },
    { name: "neox-t3", heads: 3 },
  ])("$name", ({ name, heads }) => {
    it("has the token heads that its config names, all of them trained", async () => {
      const checkpoint = await openCheckpoint(nodeFolder(join(vectors, name)));
      expect(checkpoint.config.tokenHeads).toBe(heads);
      expect(checkpoint.trainedHeads).toEqual(Array.from({ length: heads - 1 }, (_, i) => i + 2));
      await checkpoint.close();
    });

    it("gives the oracle the reference's logits within 1e-4", async () => {
      const checkpoint = await openCheckpoint(nodeFolder(join(vectors, name)));
      const { tokens } = JSON.parse(readFileSync(join(vectors, name, "tokens.json"), "utf8")) as { tokens: number[][] };
      for (const [row, sequence] of tokens.entries()) {
        const logits = await referenceLogits((tensor) => checkpoint.read(tensor), checkpoint.config, sequence);
        expect(logits).toHaveLength(heads);
        for (const [i, actual] of logits.entries()) {
          const { shape, data } = expectedLogits(name, i + 1);
          expect(shape).toEqual([tokens.length, sequence.length, checkpoint.config.vocabularySize]);
          const expected = data.subarray(row * actual.length, (row + 1) * actual.length);
          expect(largestDifference(actual, expected)).toBeLessThan(1e-4);
        }
      }
      await checkpoint.close();
    });
  });
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  // Math.max keeps a NaN, and a NaN is less than nothing.
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs((a[i] as number) - (b[i] as number)));
  return largest;
}
