/**
 * Many texts at once against llama.cpp: same weights in 8 bits, one token per pass, greedy, in turns. The peer is measured twice:
 * its library itself, one `llama_decode` for all texts, with flash attention on or off, whichever is quicker; and through
 * node-llama-cpp's JavaScript loop, as most users of Node meet it. And whether all write the same text in float32, so that it is
 * the same model.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { autoregressive } from "@dynamo/decode";
import { createEngine } from "@dynamo/engine";
import { loadModel, openCheckpoint } from "@dynamo/model";
import { nodeFolder } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { BenchOptions, BenchResult } from "./bench.js";
import { writeGguf } from "./gguf.js";
import { openLlama } from "./llama-library.js";
import { randomCheckpoint, randomModel } from "./random-model.js";
import { median, round } from "./statistics.js";

const preset = "70M";
const clientCounts = [1, 4, 16] as const;
const promptTokens = 32;

/** What the peer offers, as far as it is used here. */
interface Peer {
  readonly getLlama: (options: object) => Promise<{
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<PeerContext>;
      dispose(): Promise<void>;
    }>;
    dispose(): Promise<void>;
  }>;
  readonly LlamaLogLevel: { readonly error: unknown };
}

interface PeerContext {
  getSequence(): {
    evaluate(tokens: readonly number[], options: object): AsyncIterable<number>;
    dispose(): void;
  };
  dispose(): Promise<void>;
}

/** Tokens of every client, and tokens a second of all together. */
interface Outcome {
  readonly texts: readonly (readonly number[])[];
  readonly tokensPerSecond: number;
}

interface Contender {
  run(clients: number, tokens: number): Promise<Outcome>;
  close(): Promise<void>;
}

export async function benchPeerBatch({ quick }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  const same = await sameText();
  const contenders = {
    ours: await engine("q8"),
    flash: await llamaLibrary(true, true),
    plain: await llamaLibrary(true, false),
    wrapped: await nodeLlamaCpp(true),
  };
  const names = Object.keys(contenders) as (keyof typeof contenders)[];
  for (const clients of clientCounts) {
    const speeds: Record<keyof typeof contenders, number[]> = { ours: [], flash: [], plain: [], wrapped: [] };
    for (let turn = 0; turn < (quick ? 1 : 5); turn++)
      for (const name of names)
        speeds[name].push((await contenders[name].run(clients, quick ? 8 : 64)).tokensPerSecond);
    const own = median(speeds.ours);
    const library = Math.max(median(speeds.flash), median(speeds.plain));
    rows.push({
      model: preset,
      clients,
      "ours, tokens/s": round(own),
      "llama.cpp's library, tokens/s": round(library),
      "node-llama-cpp's loop, tokens/s": round(median(speeds.wrapped)),
      "ours ÷ library": round(own / library),
      "same text in fp32": same,
    });
  }
  for (const name of names) await contenders[name].close();
  return { name: "peer-batch", rows };
}

/** Greedy tokens in float32 on which all agree, of so many. */
async function sameText(): Promise<string> {
  const contenders = [await engine("fp32"), await llamaLibrary(false, false), await nodeLlamaCpp(false)];
  const texts: (readonly number[])[] = [];
  for (const contender of contenders) {
    texts.push((await contender.run(1, 24)).texts[0] ?? []);
    await contender.close();
  }
  const [own = [], ...others] = texts;
  const agree = own.findIndex((token, i) => others.some((other) => other[i] !== token));
  return `${agree < 0 ? own.length : agree} of ${own.length}`;
}

const promptOf = (client: number): number[] =>
  Array.from({ length: promptTokens }, (_, i) => 100 + ((client * 997 + i * 131) % 40_000));

async function timed(run: () => Promise<(readonly number[])[]>): Promise<Outcome> {
  const start = performance.now();
  const texts = await run();
  const tokens = texts.reduce((sum, text) => sum + text.length, 0);
  return { texts, tokensPerSecond: (1000 * tokens) / (performance.now() - start) };
}

async function engine(dtype: "q8" | "fp32"): Promise<Contender> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const model = await loadModel(runtime, await randomModel(preset, 1, dtype));
  const batch = await createEngine(model, { slots: 16, keptTexts: 0 });
  const strategy = autoregressive({ temperature: 0, repetitionPenalty: 1, topK: 1 });
  const options = { strategy, stopAtEndOfText: false, beginOfText: false };
  return {
    run: (clients, maxNewTokens) =>
      timed(async () => {
        const texts = Array.from({ length: clients }, (_, client) =>
          batch.submit({ prompt: promptOf(client), maxNewTokens, ...options }),
        );
        return (await Promise.all(texts)).map(({ tokens }) => tokens);
      }),
    async close() {
      await batch.close();
      await model.dispose();
      await runtime.dispose();
    },
  };
}

async function llamaLibrary(quantised: boolean, flashAttention: boolean): Promise<Contender> {
  const model = openLlama(await ggufFile(quantised));
  return {
    async run(clients, tokens) {
      const contextTokens = clients * (promptTokens + tokens + 8);
      const context = model.open({ sequences: clients, contextTokens, flashAttention });
      const prompts = Array.from({ length: clients }, (_, client) => promptOf(client));
      const outcome = await timed(() => Promise.resolve(context.write(prompts, tokens)));
      context.close();
      return outcome;
    },
    close() {
      model.close();
      return Promise.resolve();
    },
  };
}

async function nodeLlamaCpp(quantised: boolean): Promise<Contender> {
  const require = createRequire(new URL("../peer/package.json", import.meta.url));
  const { getLlama, LlamaLogLevel } = (await import(pathToFileURL(require.resolve("node-llama-cpp")).href)) as Peer;
  const modelPath = await ggufFile(quantised);
  const library = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
  const model = await library.loadModel({ modelPath });
  return {
    async run(clients, tokens) {
      // A context has room for its sequences alone: it is not part of the time.
      const size = clients * (promptTokens + tokens + 8);
      const options = { sequences: clients, contextSize: size, batchSize: Math.max(512, clients * promptTokens) };
      const context = await model.createContext({ ...options, threads: cpus().length });
      const sequences = Array.from({ length: clients }, () => context.getSequence());
      const outcome = await timed(() =>
        Promise.all(
          sequences.map(async (sequence, client) => {
            const text: number[] = [];
            for await (const token of sequence.evaluate(promptOf(client), { temperature: 0, yieldEogToken: true })) {
              text.push(token);
              if (text.length === tokens) break;
            }
            return text;
          }),
        ),
      );
      await context.dispose();
      return outcome;
    },
    async close() {
      await model.dispose();
      await library.dispose();
    },
  };
}

async function ggufFile(quantised: boolean): Promise<string> {
  const file = join(tmpdir(), "dynamo-bench", `${preset}-${quantised ? "q8" : "fp32"}.gguf`);
  if (existsSync(file)) return file;
  const checkpoint = await openCheckpoint(nodeFolder(await randomCheckpoint(preset, 1)));
  try {
    await mkdir(join(tmpdir(), "dynamo-bench"), { recursive: true });
    await writeGguf(file, {
      config: checkpoint.config,
      read: (name) => checkpoint.read(name),
      matrices: quantised ? "q8" : "f32",
    });
    return file;
  } finally {
    await checkpoint.close();
  }
}
