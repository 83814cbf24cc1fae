import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { expect, it } from "vitest";
import { runCli } from "../run-cli.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const here = existsSync(shared);
if (!here) process.stdout.write("skipped: the golden vectors of ../shared are not here\n");

it.skipIf(!here)("dynamo vectors passes the golden vectors", async () => {
  const { code, stdout } = await runCli(["vectors", join(shared, "vectors/decode-step.json")]);
  expect([code, stdout.trim()]).toEqual([0, "60 passed, 0 failed"]);
});

async function readFloats(file: string): Promise<Map<string, Float32Array>> {
  const bytes = await readFile(file);
  const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
  const floats = (from: number, length: number): Float32Array =>
    new Float32Array(Uint8Array.from(bytes.subarray(from, from + length)).buffer);
  return new Map([...tensors].map(([name, { byteOffset, byteLength }]) => [name, floats(byteOffset, byteLength)]));
}

for (const name of ["neox-t3", "neox-t1"]) {
  it.skipIf(!here)(`dynamo logits agrees with the reference on ${name}, however the tokens are fed`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "dynamo-vectors-"));
    const vectors = join(shared, "vectors", name);
    try {
      const expected = await readFloats(join(vectors, "expected-logits.safetensors"));
      for (const chunk of ["all", "one", "ragged", "7"]) {
        const out = join(folder, `${chunk}.safetensors`);
        const { code, stderr } = await runCli([
          "logits",
          vectors,
          "--tokens",
          join(vectors, "tokens.json"),
          "--out",
          out,
          "--chunk",
          chunk,
        ]);
        expect([code, stderr.includes("error")]).toEqual([0, false]);
        const received = await readFloats(out);
        expect([...received.keys()]).toEqual([...expected.keys()].sort());
        for (const [head, values] of expected) {
          const worst = values.reduce(
            (most, value, i) => Math.max(most, Math.abs(value - (received.get(head)?.[i] ?? NaN))),
            0,
          );
          expect(worst).toBeLessThan(1e-3);
        }
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}
