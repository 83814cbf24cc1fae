/**
 * `dynamo eval perplexity`'s whole loop (files, windows, sums) against the bare prefill of the same windows, in turns: with
 * every head's logits at every position, which perplexities are of; with candidates alone; and of the last position alone.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { perplexity, runEvaluation, type EvalWorker } from "@dynamo/eval";
import { loadModel, type LoadedModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { BenchOptions, BenchResult } from "./bench.js";
import { modelsWithHeads } from "./embedded.js";
import { randomModel } from "./random-model.js";
import { median, round } from "./statistics.js";

/** Tokens of a window, and windows; as many to a pass as the evaluation takes. */
const window = 256;
const passTokens = 2048;

interface Case {
  readonly name: string;
  readonly folder: string;
  readonly windows: number;
  readonly rounds: number;
}

export async function benchPerplexity({ quick }: BenchOptions): Promise<BenchResult> {
  const cases: Case[] = [...modelsWithHeads].map(([name, folder]) => ({
    name,
    folder,
    windows: quick ? 8 : 64,
    rounds: 5,
  }));
  if (!quick)
    cases.push({ name: "70M, 3 heads, random", folder: await randomModel("70M", 3, "fp32"), windows: 16, rounds: 2 });
  const rows: BenchResult["rows"][number][] = [];
  for (const each of cases) rows.push(...(await measure(each, quick ? 1 : each.rounds)));
  return { name: "perplexity", rows };
}

async function measure({ name, folder, windows }: Case, rounds: number): Promise<BenchResult["rows"][number][]> {
  const runtime = createNodeRuntime({ device: "cpu" });
  const scratch = await mkdtemp(join(tmpdir(), "dynamo-perplexity-"));
  try {
    const model = await loadModel(runtime, folder);
    const texts = randomTexts(windows, model.info.vocabularySize);
    const file = join(scratch, "tokens.json");
    await writeFile(file, JSON.stringify({ tokens: texts }));
    const worker: EvalWorker = { scratch, signal: new AbortController().signal, model: () => Promise.resolve(model) };
    const ways = {
      "prefill, last position": () => prefill(model, texts, { positions: 1, logits: false }),
      "prefill, all positions": () => prefill(model, texts, { positions: window, logits: false }),
      "prefill, all positions' logits": () => prefill(model, texts, { positions: window, logits: true }),
      "eval perplexity": async () => {
        await runEvaluation(await perplexity({ model: folder, source: { tokens: file }, window }), worker);
      },
    };
    const seconds = await inTurns(ways, rounds);
    const bare = seconds["prefill, all positions' logits"];
    return Object.entries(seconds).map(([way, own]) => ({
      ...{ model: name, way, windows },
      "tokens/s": Math.round((windows * window) / own),
      "of the prefill with logits": round(bare / own),
    }));
  } finally {
    await runtime.dispose();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Documents of one window each: its last token is a target only. */
function randomTexts(count: number, vocabularySize: number): number[][] {
  let state = 1;
  const next = (): number => (state = (state * 48_271) % 2_147_483_647);
  return Array.from({ length: count }, () => Array.from({ length: window + 1 }, () => next() % vocabularySize));
}

interface Asked {
  readonly positions: number;
  readonly logits: boolean;
}

async function prefill(model: LoadedModel, texts: readonly (readonly number[])[], asked: Asked): Promise<void> {
  const rows = passTokens / window;
  for (let from = 0; from < texts.length; from += rows) {
    const feeds = texts.slice(from, from + rows).map((text) => ({
      tokens: Int32Array.from(text.slice(0, window)),
      positions: asked.positions,
    }));
    const cache = await model.createCache({ rows: feeds.length, maxLength: window });
    await model.forward(cache, feeds, { heads: model.info.tokenHeads, topK: 1, logits: asked.logits });
    await cache.dispose();
  }
}

/** Median seconds of each. The first round warms up. */
async function inTurns<Name extends string>(
  ways: Readonly<Record<Name, () => Promise<void>>>,
  rounds: number,
): Promise<Record<Name, number>> {
  const names = Object.keys(ways) as Name[];
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let i = 0; i <= rounds; i++)
    for (const name of names) {
      const start = performance.now();
      await ways[name]();
      if (i > 0) times.get(name)?.push((performance.now() - start) / 1000);
    }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name) ?? [])])) as Record<Name, number>;
}
