/** Text, tokenizer and dataset for tests of training, made by the command itself. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCli, type CliResult } from "./run-cli.js";

/** Documents of words in an order that repeats late. */
export function words(documents: number): string {
  const known = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "red", "birds", "fly", "over", "it"];
  let state = 1;
  const next = (): string => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return known[(state >>> 8) % known.length] ?? "";
  };
  return Array.from({ length: documents }, () => Array.from({ length: 60 }, next).join(" ")).join("<|endoftext|>");
}

export interface TrainingFiles {
  readonly text: string;
  readonly tokenizer: string;
  readonly dataset: string;
}

export async function makeTrainingFiles(folder: string): Promise<TrainingFiles> {
  const files = { text: join(folder, "text.txt"), tokenizer: join(folder, "tokenizer"), dataset: join(folder, "data") };
  await writeFile(files.text, words(200));
  const { text, tokenizer, dataset } = files;
  succeeded(await runCli(["tokenizer", "train", text, "--out", tokenizer, "--vocabulary", "300"]));
  succeeded(await runCli(["data", "prepare", text, "--tokenizer", tokenizer, "--out", dataset, "--held-out", "0.1"]));
  return files;
}

export function succeeded(result: CliResult): CliResult {
  if (result.code === 0) return result;
  throw new Error(`expected exit code 0, received ${String(result.code)}: ${result.stderr}`);
}

/** A configuration file for runs of seconds. */
export async function writeConfig(file: string, changes: Record<string, unknown>): Promise<string> {
  const architecture = { hiddenSize: 32, layers: 2, attentionHeads: 2, contextLength: 64 };
  const run = { architecture, tokenHeads: 2, batch: 4, sequence: 32, learningRate: 3e-3, evaluateEvery: 10 };
  await writeFile(file, JSON.stringify({ ...run, ...changes }));
  return file;
}

const checkpointsOf = (run: string): string[] =>
  readdirSync(join(run, "checkpoints")).filter((name) => /^step-\d+$/.test(name));

/** Digests of the weights and the optimizer in a run's last checkpoint. */
export function outcome(run: string): Record<string, string> {
  const newest = join(run, "checkpoints", checkpointsOf(run).sort().at(-1) ?? "none");
  const digest = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(join(newest, name)))
      .digest("hex");
  return { weights: digest("model.safetensors"), optimizer: digest("optimizer.safetensors") };
}

interface Line {
  readonly kind: string;
  readonly step: number;
  readonly losses: readonly number[];
}

/** Every step's losses, in the order of the file. */
export const stepLosses = (run: string): [number, readonly number[]][] =>
  readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line)
    .flatMap(({ kind, step, losses }) => (kind === "step" ? [[step, losses]] : []));
