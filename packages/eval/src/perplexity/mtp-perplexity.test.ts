/** Conditional perplexities of an MTP module against torch's logits behind the true tokens: the fixture of @dynamo/model (mtp.py). */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { convertCheckpoint } from "@dynamo/model/convert";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runHere, testWorker, type TestWorker } from "../../test/worker.js";
import { perplexity } from "./perplexity.js";

const fixture = (name: string): Promise<Buffer> =>
  readFile(join(import.meta.dirname, "../../../model/test/__fixtures__/mtp", name));

let worker: TestWorker;
let folder: string;
let rows: number[][];
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-mtp-perplexity-"));
  const text = (await fixture("tokens.json")).toString();
  const { tokens, next_tokens: next } = JSON.parse(text) as { tokens: number[][]; next_tokens: number[][] };
  // One row is shorter: what is known at a position does not depend on what comes later.
  rows = tokens.map((row, i) => [...row, ...(next[i] ?? [])].slice(0, i === 0 ? undefined : 9));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

/** The base with a module of one layout beside it, converted. */
async function convertModule(layout: string): Promise<string> {
  const [source, model] = [join(folder, `${layout}-checkpoint`), join(folder, layout)];
  await mkdir(source);
  await writeFile(join(source, "config.json"), await fixture("config.json"));
  const placed: [string, string][] = [];
  for (const file of ["base.safetensors", `${layout}.safetensors`]) {
    const bytes = await fixture(file);
    await writeFile(join(source, file), bytes);
    for (const name of parseSafetensorsHeader(bytes, bytes.length).tensors.keys()) placed.push([name, file]);
  }
  const index = JSON.stringify({ weight_map: Object.fromEntries(placed) });
  await writeFile(join(source, "model.safetensors.index.json"), index);
  await convertCheckpoint(source, model, { mtp: true, tokenHeads: 3, dtypes: ["fp32"] });
  return model;
}

/** [position of any row][head] of -log p, by the tensors of torch's logits; shorter where the row ends. */
async function torchScores(tensors: readonly string[]): Promise<number[][]> {
  const bytes = new Uint8Array(await fixture("expected-logits.safetensors"));
  const header = parseSafetensorsHeader(bytes, bytes.length);
  const logitsOf = (name: string, row: number, position: number): Float32Array => {
    const { shape, byteOffset } = header.tensors.get(name) ?? { shape: [], byteOffset: NaN };
    const [, length = NaN, vocabularySize = NaN] = shape;
    const from = byteOffset + 4 * vocabularySize * (row * length + position);
    return new Float32Array(bytes.slice(from, from + 4 * vocabularySize).buffer);
  };
  return rows.flatMap((tokens, row) =>
    tokens.slice(0, -2).map((_, t) =>
      tensors.slice(0, tokens.length - 1 - t).map((name, head) => {
        const logits = logitsOf(name, row, t);
        const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
        return Math.log(sum) - (logits[tokens[t + head + 1] as number] ?? NaN);
      }),
    ),
  );
}

const perplexityOf = (losses: readonly number[]): number =>
  Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
/** |a / b - 1| */
const apart = (a: number | undefined, b: number): number => Math.abs((a ?? NaN) / b - 1);

test.each([
  ["qwen", ["head_1", "mtp_1", "mtp_2_normed"]],
  ["deepseek", ["head_1", "mtp_1", "mtp_2_layer"]],
] as const)("PPL_n|… and the chain are torch's: %s", async (layout, tensors) => {
  const [model, tokens] = [await convertModule(layout), join(folder, `${layout}.json`)];
  await writeFile(tokens, JSON.stringify({ tokens: rows }));
  const { ppl, positions } = await runHere(await perplexity({ model, source: { tokens } }), worker);
  const scores = await torchScores(tensors);
  expect(Object.keys(ppl).sort()).toEqual(["1", "1:2", "1:3", "2", "2|1", "3", "3|1,2", "chain:2", "chain:3"]);
  for (const [n, name] of [
    [2, "2|1"],
    [3, "3|1,2"],
  ] as const) {
    const whole = scores.filter((own) => own.length >= n);
    const expected = perplexityOf(whole.map((own) => own[n - 1] ?? NaN));
    expect(apart(ppl[name], expected)).toBeLessThan(1e-4);
    expect(apart(ppl[`chain:${n}`], perplexityOf(whole.flatMap((own) => own.slice(0, n))))).toBeLessThan(1e-4);
    expect([positions[name], positions[`chain:${n}`]]).toEqual([whole.length, whole.length]);
    // Without the true tokens between, heads go by their own likeliest: that is another value.
    expect(apart(ppl[String(n)], expected)).toBeGreaterThan(0.01);
  }
});
