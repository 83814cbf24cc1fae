/** PyTorch as a process that trains the same model: torch/train_step.py, where DYNAMO_PYTHON (or python3) has torch. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { sequence, threads, tokenHeads, type TrainingCase } from "./training-case.js";

export interface TorchAnswer {
  readonly seconds: readonly number[];
  readonly losses: readonly number[];
  readonly peakBytes: number;
  readonly version: string;
}

export interface TorchPeer {
  steps(count: number): Promise<TorchAnswer>;
  close(): Promise<void>;
}

const python = process.env["DYNAMO_PYTHON"] ?? "python3";
const script = fileURLToPath(new URL("../torch/train_step.py", import.meta.url));

/** undefined when Python or torch is missing. */
export function torchPeer({ hidden, layers, heads, vocabulary, batch }: TrainingCase): TorchPeer | undefined {
  if (spawnSync(python, ["-c", "import torch"]).status !== 0) return undefined;
  const options = { hidden, layers, heads, vocabulary, token_heads: tokenHeads, batch, sequence, threads };
  const child = spawn(python, [script, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async steps(count) {
      child.stdin.write(`${count}\n`);
      const line = (await lines.next()) as IteratorResult<string, undefined>;
      if (line.done === true) throw new Error("the PyTorch peer ended early");
      return JSON.parse(line.value) as TorchAnswer;
    },
    async close() {
      const exit = once(child, "exit");
      child.stdin.end();
      await exit;
    },
  };
}

export const torchMissing = `skipped: ${python} has no torch (set DYNAMO_PYTHON to one that has)`;
