/** The exported script where Python has torch: DYNAMO_PYTHON names the interpreter (python3). */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { resolve } from "node:path";

export const python = process.env["DYNAMO_PYTHON"] ?? "python3";
const probe = "import torch; from torch.distributed.fsdp import fully_shard";
export const torchIsHere = spawnSync(python, ["-c", probe]).status === 0;
export const transformersIsHere = torchIsHere && spawnSync(python, ["-c", "import transformers"]).status === 0;
export const script = resolve(import.meta.dirname, "../torch/train.py");

/** What goes before the script for two processes. */
export const launchTwo = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"];

/** Processes that take turns on a small machine: minutes at worst. */
export const call = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(python, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, OMP_NUM_THREADS: "1", PYTHONWARNINGS: "ignore" },
  });

export function succeed(...args: string[]): string {
  const { status, stdout, stderr } = call(...args);
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}
