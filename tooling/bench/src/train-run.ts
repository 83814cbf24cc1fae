/** A run from text to checkpoints: what of its time goes to waiting for data, and how long a checkpoint stalls it. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { parseTrainingConfig, prepareDataset, train, type Metrics } from "@dynamo/train/node";
import type { BenchOptions, BenchResult } from "./bench.js";
import { baseModel } from "./embedded.js";
import { median, round } from "./statistics.js";
import { cases, sequence, smallCase, threads, tokenHeads, type TrainingCase } from "./training-case.js";

export async function benchTrainRun({ quick }: BenchOptions): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), "dynamo-bench-train-"));
  try {
    const dataset = join(folder, "data");
    await writeDataset(folder, dataset, quick ? 20_000 : 400_000);
    const rows: BenchResult["rows"][number][] = [];
    for (const own of quick ? [smallCase] : cases)
      rows.push(await measure(join(folder, `run-${own.hidden}`), dataset, own, quick ? 4 : 30));
    return { name: "train-run", rows };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Documents of random words, tokenized by the embedded models' tokenizer. */
async function writeDataset(folder: string, out: string, words: number): Promise<void> {
  const some =
    "once upon a time there was little dog who liked to play with big red ball in the garden every day".split(" ");
  const pick = (): string => some[Math.floor(Math.random() * some.length)] ?? "";
  const document = (): string => JSON.stringify({ text: Array.from({ length: 100 }, pick).join(" ") });
  const file = join(folder, "text.jsonl");
  await writeFile(file, `${Array.from({ length: words / 100 }, document).join("\n")}\n`);
  const tokenizerJson: unknown = JSON.parse(await readFile(join(baseModel.folder, "tokenizer.json"), "utf8"));
  await prepareDataset({
    sources: [{ name: "words", files: [file] }],
    tokenizerJson,
    endOfText: 0,
    out,
    heldOutFraction: 0.2,
  });
}

async function measure(
  run: string,
  dataset: string,
  own: TrainingCase,
  steps: number,
): Promise<BenchResult["rows"][number]> {
  const { hidden, layers, heads, batch } = own;
  const config = parseTrainingConfig({
    architecture: { hiddenSize: hidden, layers, attentionHeads: heads, contextLength: sequence },
    dataset,
    tokenHeads,
    steps,
    batch,
    sequence,
    learningRate: 1e-4,
    evaluateEvery: steps,
    evaluationBatches: 1,
    checkpointEvery: steps / 2,
  });
  const runtime = createNodeRuntime({ device: "cpu", threads });
  const metrics: Metrics[] = [];
  try {
    const { checkpoint } = await train(runtime, run, config, { onMetrics: (each) => void metrics.push(each) });
    return row(own, metrics, await folderBytes(checkpoint));
  } finally {
    await runtime.dispose();
  }
}

function row(own: TrainingCase, metrics: readonly Metrics[], bytes: number): BenchResult["rows"][number] {
  const steps = metrics.flatMap((each) => (each.kind === "step" ? [each] : []));
  const waiting = steps.map(({ dataSeconds }) => dataSeconds).reduce((a, b) => a + b, 0);
  const seconds = steps.at(-1)?.seconds ?? NaN;
  const stall = median(metrics.flatMap((each) => (each.kind === "checkpoint" ? [each.seconds] : [])));
  return {
    model: own.name,
    steps: steps.length,
    "s a step": round(seconds / steps.length),
    "% waiting for data": round((100 * waiting) / seconds),
    "checkpoint MB": round(bytes / 1e6),
    "checkpoint s": round(stall),
    "s per 100 MB": round(stall / (bytes / 1e8)),
  };
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}
