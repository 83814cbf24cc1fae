/** What a benchmark module exports, and the ones there are. */

export interface BenchOptions {
  /** Fewer repetitions: shows that a bench works, not what it measures. */
  readonly quick: boolean;
  /** Model folders to measure instead of the embedded ones, by name. */
  readonly models: ReadonlyMap<string, string>;
}

export interface BenchResult {
  readonly name: string;
  /** One line of the table each; the first row's keys are the columns. Units belong in the keys, e.g. "median ms". */
  readonly rows: readonly Readonly<Record<string, string | number>>[];
}

export type Bench = (options: BenchOptions) => Promise<BenchResult>;

/** Names and what they measure. `decode-step` is `benchDecodeStep` of decode-step.ts, and so on. */
export const benches: Readonly<Record<string, string>> = {
  conditional: "conditional parts beside a pass: their product in the graph, and what a step asks about",
  cooccurrence: "n-grams counted per second, bytes per stored n-gram",
  "decode-step": "one decoding step's own work: joint, mask, threshold, sampling",
  "embedded-quality": "the embedded models' perplexities and bits per byte on held-out text",
  "embedded-speed": "what the embedded models' token heads buy: tokens per pass, speed-up, likelihood of the text",
  "model-step": "one forward pass by context length, dtype and heads",
  peer: "the same weights in @huggingface/transformers (pnpm bench:peer installs it)",
  "peer-batch": "many texts at once beside llama.cpp, on the same weights (pnpm bench:peer installs it)",
  "peer-families":
    "Llama- and Qwen-shaped models beside llama.cpp's library: decoding, prefill, loading, memory (pnpm bench:peer installs it)",
  perplexity: "`dynamo eval perplexity` against the bare prefill of the same windows",
  server: "dynamo serve under load: tokens/s, time to first token and between chunks for 1, 4, 16 and 64 clients",
  "server-gaps": "the longest gap in a stream while others send prompts that take long to read, or are refused",
  "train-memory": "peak memory of a training process, against PyTorch's where python3 has it",
  "train-run": "a training run: waiting for data, checkpoints",
  "train-step": "a full training step: tokens/s, against PyTorch's where python3 has it, and against plain MatMul",
};

/** undefined when the bench's module is not there. Throws what the module throws, and on a module without its export. */
export async function loadBench(name: string, folder: URL): Promise<Bench | undefined> {
  const file = new URL(`${name}.js`, folder);
  let module: Record<string, unknown>;
  try {
    module = (await import(file.href)) as Record<string, unknown>;
  } catch (error) {
    if (isMissing(error, file)) return undefined;
    throw error;
  }
  const exported = `bench-${name}`.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const bench = module[exported];
  if (typeof bench !== "function") throw new Error(`${name} has no export ${exported}`);
  return bench as Bench;
}

/** Only the module itself: one of its own imports that is missing is a mistake to show. */
function isMissing(error: unknown, file: URL): boolean {
  return error instanceof Error && "url" in error && error.url === file.href;
}
