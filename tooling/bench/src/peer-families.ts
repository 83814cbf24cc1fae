/**
 * Models of the shapes that people run beside llama.cpp's library on the same random weights: SmolLM2 135M and Qwen2.5 0.5B, in 4
 * and 8 bits, one token per pass at three lengths of context, a prefill, loading, and a process's peak memory. The library decodes
 * with flash attention on and off; the quicker counts. Both take turns. What a large vocabulary costs is seen beside the same model
 * with 4,096 tokens.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint, parseConfig, type ModelConfig } from "@dynamo/model";
import { convertCheckpoint, nodeFolder, writeRandomCheckpoint } from "@dynamo/model/convert";
import type { BenchOptions, BenchResult } from "./bench.js";
import { ours, theirs, type Contender } from "./contenders.js";
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
const fewTokens = { ...qwen, vocab_size: 4096 };
const shapes = {
  "SmolLM2 135M": parseConfig(smol),
  "Qwen2.5 0.5B": parseConfig(qwen),
  "Qwen2.5 0.5B, 4,096 tokens": parseConfig(fewTokens),
};
/** Tokens of the prompt and those written behind it in the process whose memory is measured. */
const remembered = 512 + 8;
const contexts = [64, 512, 1500] as const;
const place = join(tmpdir(), "dynamo-bench");

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
    return line(model, dtype, `${what}, ms`, mine, Math.min(...others));
  };
  const rows = [];
  for (const context of contexts)
    rows.push(await row(`a token behind ${context}`, (each) => each.decode(context, quick ? 4 : 24)));
  rows.push(await row("prefill of 512", (each) => each.prefill(512)));
  for (const contender of [own, ...library]) await contender.close();
  const used = { ours: peakMegabytes("ours", files.folder, dtype), theirs: peakMegabytes("theirs", files.gguf, dtype) };
  const needed = await neededMegabytes(config, files.folder);
  return [
    ...rows,
    line(model, dtype, "loading, ms", loading.ours, loading.theirs),
    line(model, dtype, `peak memory, MB (weights and cache: ${Math.round(needed)})`, used.ours, used.theirs),
  ];
}

/** Of a process of its own, Node included. */
function peakMegabytes(whose: "ours" | "theirs", path: string, dtype: string): number {
  const script = fileURLToPath(new URL("./peer-memory-process.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, whose, path, dtype], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the process of ${path} failed: ${stderr}`);
  return Number(stdout) / 1e6;
}

/** The weights' files, and float32 keys and values of the tokens that are read. */
async function neededMegabytes(config: ModelConfig, folder: string): Promise<number> {
  const files = await readdir(join(folder, "onnx"));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, "onnx", file))).size));
  const cache = 2 * 4 * config.layers * config.keyValueHeads * config.headSize * remembered;
  return (sizes.reduce((sum, size) => sum + size, 0) + cache) / 1e6;
}

const line = (model: string, dtype: string, what: string, own: number, peer: number) => ({
  model,
  dtype,
  what,
  ours: round(own),
  "llama.cpp's library": round(peer),
  "library ÷ ours": round(peer / own),
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
