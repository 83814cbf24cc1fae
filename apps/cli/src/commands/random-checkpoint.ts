/** `dynamo random-checkpoint`: a Pythia-shaped folder of random weights, for benchmarks. */
import { DynamoError } from "@dynamo/core";
import { presetNames, presets, parameterCount } from "@dynamo/model";
import { writeRandomCheckpoint } from "@dynamo/model/convert";
import { startProgress } from "../progress.js";
import type { RandomCheckpointOptions } from "../schemas/models.js";

export async function randomCheckpoint(
  { preset, tokenHeads, conditional, seed, out }: RandomCheckpointOptions,
  signal: AbortSignal,
): Promise<void> {
  const name = presetNames.find((known) => known === preset);
  if (name === undefined)
    throw new DynamoError("invalid-argument", `preset must be one of ${presetNames.join(", ")}, received ${preset}`);
  if (conditional !== undefined && tokenHeads === 1)
    throw new DynamoError("invalid-argument", "--conditional needs --token-heads of at least 2, received 1");
  const config = { ...presets(name, tokenHeads), ...(conditional === undefined ? {} : { conditional }) };
  const progress = startProgress();
  const onProgress = (done: number, total: number): void => {
    progress.update(done, total, out);
  };
  try {
    await writeRandomCheckpoint(out, { config, seed, onProgress, signal });
  } finally {
    progress.stop();
  }
  console.log(
    `${out}: ${(parameterCount(config, tokenHeads) / 1e6).toFixed(1)} M random parameters, ${tokenHeads} token heads`,
  );
}
