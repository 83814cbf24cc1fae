/** One token a pass against @huggingface/transformers: same weights, same machine, in turns. */
import { existsSync } from "node:fs";
import { mkdir, open, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { autoregressive, generate } from "@dynamo/decode";
import { loadModel, openCheckpoint } from "@dynamo/model";
import { nodeFolder } from "@dynamo/model/convert";
import { writeOnnx } from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { BenchOptions, BenchResult } from "./bench.js";
import { peerGraph } from "./peer-graph.js";
import { randomCheckpoint, randomModel } from "./random-model.js";
import { median, round } from "./statistics.js";

/** What the peer offers, as far as it is used here. */
interface Peer {
  readonly env: { localModelPath: string; allowRemoteModels: boolean };
  readonly AutoModelForCausalLM: {
    from_pretrained(
      id: string,
      options: object,
    ): Promise<{ generate(options: object): Promise<unknown>; dispose(): Promise<unknown> }>;
  };
  readonly Tensor: new (dtype: string, data: BigInt64Array, dims: number[]) => unknown;
}

const preset = "70M";
const token = 17;

async function peerFolder(dtype: "fp32" | "q4"): Promise<string> {
  const place = join(tmpdir(), "dynamo-bench", "peer", dtype);
  if (existsSync(join(place, "config.json"))) return place;
  const checkpoint = await openCheckpoint(nodeFolder(await randomCheckpoint(preset, 3)));
  try {
    await mkdir(join(place, "onnx"), { recursive: true });
    const handle = await open(join(place, "onnx", dtype === "fp32" ? "model.onnx" : "model_q4.onnx"), "w");
    const write = async (bytes: Uint8Array): Promise<void> => {
      await handle.writeFile(bytes);
    };
    await writeOnnx(
      peerGraph(checkpoint.config, (name) => checkpoint.read(name), dtype === "q4" ? 4 : 32),
      { write },
    );
    await handle.close();
    const { dynamo: _, ...config } = checkpoint.config.raw;
    await writeFile(join(place, "generation_config.json"), JSON.stringify({ eos_token_id: 50_303 }));
    await writeFile(join(place, "config.json"), JSON.stringify({ ...config, eos_token_id: 50_303 }));
    return place;
  } finally {
    await checkpoint.close();
  }
}

/** Milliseconds between tokens. */
type Run = (context: number, tokens: number) => Promise<number[]>;

async function peerRun(dtype: "fp32" | "q4"): Promise<{ run: Run; close: () => Promise<unknown> }> {
  const require = createRequire(new URL("../peer/package.json", import.meta.url));
  const peer = (await import(pathToFileURL(require.resolve("@huggingface/transformers")).href)) as Peer;
  peer.env.localModelPath = join(tmpdir(), "dynamo-bench", "peer");
  peer.env.allowRemoteModels = false;
  await peerFolder(dtype);
  const model = await peer.AutoModelForCausalLM.from_pretrained(dtype, { dtype, device: "cpu" });
  return {
    close: () => model.dispose(),
    async run(context, tokens) {
      const times: number[] = [];
      const ids = (value: bigint): unknown =>
        new peer.Tensor("int64", new BigInt64Array(context).fill(value), [1, context]);
      const streamer = { put: () => void times.push(performance.now()), end: () => undefined };
      await model.generate({
        inputs: ids(BigInt(token)),
        attention_mask: ids(1n),
        max_new_tokens: tokens + 2,
        do_sample: false,
        streamer,
      });
      // The first two calls are the prompt and the token that its pass gave.
      return times
        .slice(2)
        .map((time, i) => time - (times[i + 1] ?? time))
        .slice(0, tokens);
    },
  };
}

async function ourRun(dtype: "fp32" | "q4"): Promise<{ run: Run; close: () => Promise<unknown> }> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const model = await loadModel(runtime, await randomModel(preset, 3, dtype));
  const strategy = autoregressive({ temperature: 0, repetitionPenalty: 1 });
  return {
    close: async () => {
      await model.dispose();
      await runtime.dispose();
    },
    async run(context, tokens) {
      const times: number[] = [];
      const options = { strategy, maxNewTokens: tokens + 1, stopAtEndOfText: false, beginOfText: false };
      for await (const { tokens: made } of generate(model, new Int32Array(context).fill(token), options))
        if (made.length > 0) times.push(performance.now());
      return times.slice(1).map((time, i) => time - (times[i] ?? time));
    },
  };
}

export async function benchPeer({ quick }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  for (const dtype of ["fp32", "q4"] as const) {
    const [ours, peers] = [await ourRun(dtype), await peerRun(dtype)];
    for (const context of quick ? [64] : [64, 512, 1500]) {
      const times: { readonly ours: number[]; readonly peers: number[] } = { ours: [], peers: [] };
      for (let turn = 0; turn < (quick ? 1 : 5); turn++) {
        times.ours.push(...(await ours.run(context, quick ? 4 : 64)));
        times.peers.push(...(await peers.run(context, quick ? 4 : 64)));
      }
      const [own, other] = [median(times.ours), median(times.peers)];
      rows.push({
        model: preset,
        dtype,
        context,
        "ours, median ms a token": round(own),
        "transformers.js, median ms a token": round(other),
        "transformers.js ÷ ours": round(other / own),
        "best of each, ÷": round(Math.min(...times.peers) / Math.min(...times.ours)),
      });
    }
    await ours.close();
    await peers.close();
  }
  return { name: "peer", rows };
}
