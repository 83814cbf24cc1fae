/** Peak resident memory of a process that trains, Node and ONNX Runtime included, against a PyTorch process's. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BenchOptions, BenchResult } from "./bench.js";
import { round } from "./statistics.js";
import { torchMissing, torchPeer } from "./torch-peer.js";
import { cases, smallCase, tokensOf, type TrainingCase } from "./training-case.js";

const steps = 5;
const megabyte = 1e6;

export async function benchTrainMemory({ quick }: BenchOptions): Promise<BenchResult> {
  const rows: BenchResult["rows"][number][] = [];
  for (const own of quick ? [smallCase] : cases) {
    const ours = ownPeak(own);
    const torch = torchPeer(own);
    const { peakBytes: peer, version } = (await torch?.steps(steps)) ?? {};
    await torch?.close();
    rows.push({
      model: own.name,
      "tokens a step": tokensOf(own),
      "peak MB": Math.round(ours / megabyte),
      "torch peak MB": peer === undefined ? torchMissing : Math.round(peer / megabyte),
      ...(peer === undefined || version === undefined ? {} : { torch: version, "÷ torch": round(ours / peer) }),
    });
  }
  return { name: "train-memory", rows };
}

function ownPeak(own: TrainingCase): number {
  const script = fileURLToPath(new URL("./train-memory-process.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, JSON.stringify(own), String(steps)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the training process failed: ${stderr}`);
  return Number(stdout);
}
