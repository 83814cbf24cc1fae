/**
 * Models of the shapes that people run beside llama.cpp's library on the same random weights: SmolLM2 135M and Qwen2.5 0.5B, in 4
 * and 8 bits, one token per pass at three lengths of context, a prefill, and loading. The library decodes with flash attention on
 * and off; the quicker counts. Both take turns.
 */
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadModel, openCheckpoint, parseConfig, type ModelConfig } from "@dynamo/model";
import { convertCheckpoint, nodeFolder, writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { BenchOptions, BenchResult } from "./bench.js";
import { writeGguf } from "./gguf.js";
import { openLlama } from "./llama-library.js";
import { median, round } from "./statistics.js";

const smol = {
  ...{ model_type: "llama", vocab_size: 49_152, hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30 },
  ...{ num_attention_heads: 9, num_key_value_heads: 3, max_position_embeddings: 2048, rope_theta: 10_000 },
  ...{ rms_norm_eps: 1e-5, tie_word_embeddings: true, bos_token_id: 1, eos_token_id: 2 },
};
const qwen = {
  ...{ model_type: "qwen2", vocab_size: 151_936, hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24 },
  ...{ num_attention_heads: 14, num_key_value_heads: 2, max_position_embeddings: 2048, rope_theta: 1_000_000 },
  ...{ rms_norm_eps: 1e-6, tie_word_embeddings: true, eos_token_id: 2 },
};
const shapes = { "SmolLM2 135M": parseConfig(smol), "Qwen2.5 0.5B": parseConfig(qwen) };
const contexts = [64, 512, 1500] as const;
const place = join(tmpdir(), "dynamo-bench");

/** A model in the bench's hands: times in milliseconds. */
interface Contender {
  /** Of one token behind so many others. */
  decode(context: number, tokens: number): Promise<number>;
  prefill(tokens: number): Promise<number>;
  close(): Promise<void>;
}

export async function benchPeerFamilies({ quick }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  for (const [name, config] of Object.entries(shapes))
    for (const dtype of ["q4", "q8"] as const) rows.push(...(await compare(name, config, dtype, quick)));
  return { name: "peer-families", rows };
}

async function compare(
  model: string,
  config: ModelConfig,
  dtype: "q4" | "q8",
  quick: boolean,
): Promise<BenchResult["rows"][number][]> {
  const files = await filesOf(model, config, dtype);
  const loading = await loadTimes(files, dtype, quick ? 1 : 3);
  const own = await ours(files.folder, dtype);
  const library = [await theirs(files.gguf, true), await theirs(files.gguf, false)];
  const row = async (what: string, run: (contender: Contender) => Promise<number>) => {
    const times: number[][] = [[], [], []];
    for (let turn = 0; turn < (quick ? 1 : 5); turn++)
      for (const [i, contender] of [own, ...library].entries()) times[i]?.push(await run(contender));
    const [mine = NaN, ...others] = times.map(median);
    return line(model, dtype, what, mine, Math.min(...others));
  };
  const rows = [];
  for (const context of contexts)
    rows.push(await row(`a token behind ${context}`, (each) => each.decode(context, quick ? 4 : 24)));
  rows.push(await row("prefill of 512", (each) => each.prefill(512)));
  for (const contender of [own, ...library]) await contender.close();
  return [...rows, line(model, dtype, "loading", loading.ours, loading.theirs)];
}

const line = (model: string, dtype: string, what: string, ours: number, theirs: number) => ({
  model,
  dtype,
  what,
  "ours, ms": round(ours),
  "llama.cpp's library, ms": round(theirs),
  "library ÷ ours": round(theirs / ours),
});

interface Files {
  readonly folder: string;
  readonly gguf: string;
}

async function filesOf(model: string, config: ModelConfig, dtype: "q4" | "q8"): Promise<Files> {
  const name = model.replaceAll(" ", "-");
  await mkdir(place, { recursive: true });
  const source = join(place, `${name}-checkpoint`);
  if (!existsSync(join(source, "config.json"))) {
    await rm(source, { recursive: true, force: true });
    await writeRandomCheckpoint(source, { config, seed: 1 });
  }
  const files = { folder: join(place, `${name}-${dtype}`), gguf: join(place, `${name}-${dtype}.gguf`) };
  if (!existsSync(files.folder)) await convertCheckpoint(source, files.folder, { dtypes: [dtype] });
  if (existsSync(files.gguf)) return files;
  const checkpoint = await openCheckpoint(nodeFolder(source));
  try {
    await writeGguf(files.gguf, { config, read: (each) => checkpoint.read(each), matrices: dtype });
  } finally {
    await checkpoint.close();
  }
  return files;
}

/** With the files in the page cache; the first time is left out. */
async function loadTimes(
  { folder, gguf }: Files,
  dtype: "q4" | "q8",
  times: number,
): Promise<{ ours: number; theirs: number }> {
  const found: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let i = 0; i <= times; i++) {
    let start = performance.now();
    const contender = await ours(folder, dtype);
    if (i > 0) found.ours.push(performance.now() - start);
    await contender.close();
    start = performance.now();
    const library = openLlama(gguf);
    if (i > 0) found.theirs.push(performance.now() - start);
    library.close();
  }
  return { ours: median(found.ours), theirs: median(found.theirs) };
}

const promptOf = (length: number): number[] => Array.from({ length }, (_, i) => 100 + ((i * 131) % 40_000));

async function ours(folder: string, dtype: "q4" | "q8"): Promise<Contender> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const model = await loadModel(runtime, folder, { dtype });
  const cache = await model.createCache({ rows: 1 });
  const pass = async (tokens: readonly number[]): Promise<number> => {
    const { candidates } = await model.forward(cache, [{ tokens }], { heads: 1, topK: 1 });
    return candidates[0]?.[0]?.[0]?.ids[0] ?? 0;
  };
  return {
    async decode(context, tokens) {
      cache.truncate(0, 0);
      let next = await pass(promptOf(context));
      const start = performance.now();
      for (let i = 0; i < tokens; i++) next = await pass([next]);
      return (performance.now() - start) / tokens;
    },
    async prefill(tokens) {
      cache.truncate(0, 0);
      const start = performance.now();
      await pass(promptOf(tokens));
      return performance.now() - start;
    },
    async close() {
      await cache.dispose();
      await model.dispose();
      await runtime.dispose();
    },
  };
}

function theirs(gguf: string, flashAttention: boolean): Promise<Contender> {
  const model = openLlama(gguf);
  const context = model.open({ sequences: 1, contextTokens: 1600, flashAttention });
  return Promise.resolve({
    decode: (length, tokens) => {
      let start = NaN;
      context.write([promptOf(length)], tokens + 1, () => (start = performance.now()));
      return Promise.resolve((performance.now() - start) / tokens);
    },
    prefill: (tokens) => {
      const start = performance.now();
      context.write([promptOf(tokens)], 1);
      return Promise.resolve(performance.now() - start);
    },
    close() {
      context.close();
      model.close();
      return Promise.resolve();
    },
  });
}
