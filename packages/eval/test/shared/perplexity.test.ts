/** Perplexities against a float64 computation from the golden vectors' logits, which another framework made. */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { convertCheckpoint } from "@dynamo/model/convert";
import { expect, test } from "vitest";
import { perplexity } from "../../src/perplexity/perplexity.js";
import { runHere, testWorker } from "../worker.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const vectors = join(shared, "vectors");
const isHere = existsSync(vectors);
if (!isHere) process.stdout.write("skipped: the golden vectors of ../shared are not here\n");

/** [head][row][position][token] of the expected logits. */
function expectedLogits(folder: string, heads: number): Float32Array[] {
  const bytes = new Uint8Array(readFileSync(join(folder, "expected-logits.safetensors")));
  const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
  return Array.from({ length: heads }, (_, head) => {
    const { byteOffset = 0, byteLength = 0 } = tensors.get(`head_${head + 1}`) ?? {};
    return new Float32Array(bytes.slice(byteOffset, byteOffset + byteLength).buffer);
  });
}

/** Mean negative log-probability of heads from..to's targets, over the positions whose `to` targets exist. */
function expected(logits: readonly Float32Array[], rows: readonly number[][], from: number, to: number): number {
  const length = rows[0]?.length ?? 0;
  const vocabulary = (logits[0]?.length ?? 0) / (rows.length * length);
  let [nats, count] = [0, 0];
  for (const [row, tokens] of rows.entries()) {
    for (let position = 0; position + to < length; position++) {
      for (let head = from; head <= to; head++) {
        const at = (row * length + position) * vocabulary;
        const own = Float64Array.from((logits[head - 1] as Float32Array).subarray(at, at + vocabulary));
        const most = Math.max(...own);
        const sum = own.reduce((total, logit) => total + Math.exp(logit - most), 0);
        nats -= (own[tokens[position + head] as number] as number) - most - Math.log(sum);
        count++;
      }
    }
  }
  return Math.exp(nats / count);
}

test.skipIf(!isHere).each([
  ["neox-t3", 3],
  ["neox-t1", 1],
])("of %s are those of its expected logits", async (name, heads) => {
  const folder = join(vectors, name);
  const tokens = join(folder, "tokens.json");
  const rows = (JSON.parse(readFileSync(tokens, "utf8")) as { tokens: number[][] }).tokens;
  const logits = expectedLogits(folder, heads);
  const place = await mkdtemp(join(tmpdir(), "dynamo-vectors-"));
  const worker = await testWorker();
  try {
    await convertCheckpoint(folder, join(place, "model"), { dtypes: ["fp32"] });
    const { ppl } = await runHere(await perplexity({ model: join(place, "model"), source: { tokens } }), worker);
    expect(Object.keys(ppl)).toHaveLength(2 * heads - 1);
    for (let n = 1; n <= heads; n++) {
      expect(Math.abs((ppl[String(n)] ?? NaN) / expected(logits, rows, n, n) - 1)).toBeLessThan(1e-4);
      if (n > 1) expect(Math.abs((ppl[`1:${n}`] ?? NaN) / expected(logits, rows, 1, n) - 1)).toBeLessThan(1e-4);
    }
  } finally {
    await worker.close();
    await rm(place, { recursive: true, force: true });
  }
});
