/**
 * Many texts at once against llama.cpp (node-llama-cpp): same weights in 8 bits, one token a pass, greedy, in turns. And
 * whether both write the same text in float32, so that it is the same model.
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
  const [ours, peers] = [await engine("q8"), await llama(true)];
  for (const clients of clientCounts) {
    const speeds: { readonly ours: number[]; readonly peers: number[] } = { ours: [], peers: [] };
    for (let turn = 0; turn < (quick ? 1 : 5); turn++) {
      speeds.ours.push((await ours.run(clients, quick ? 8 : 64)).tokensPerSecond);
      speeds.peers.push((await peers.run(clients, quick ? 8 : 64)).tokensPerSecond);
    }
    const [own, other] = [median(speeds.ours), median(speeds.peers)];
    rows.push({
      model: preset,
      clients,
      "ours, tokens/s": round(own),
      "llama.cpp, tokens/s": round(other),
      "ours ÷ llama.cpp": round(own / other),
      "same text in fp32": same,
    });
  }
  await ours.close();
  await peers.close();
  return { name: "peer-batch", rows };
}

/** Greedy tokens in float32 that agree, of so many. */
async function sameText(): Promise<string> {
  const [ours, peers] = [await engine("fp32"), await llama(false)];
  const [own, other] = [await ours.run(1, 24), await peers.run(1, 24)];
  await ours.close();
  await peers.close();
  const [a = [], b = []] = [own.texts[0], other.texts[0]];
  const agree = a.findIndex((token, i) => token !== b[i]);
  return `${agree < 0 ? a.length : agree} of ${a.length}`;
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

async function llama(quantised: boolean): Promise<Contender> {
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
    await writeGguf(file, { config: checkpoint.config, read: (name) => checkpoint.read(name), quantised });
    return file;
  } finally {
    await checkpoint.close();
  }
}
