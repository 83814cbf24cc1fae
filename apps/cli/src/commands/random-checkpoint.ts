/** `dynamo random-checkpoint`: a Pythia-shaped folder of random weights, for benchmarks. */
import { DynamoError } from "@dynamo/core";
import { presetNames, presets, parameterCount } from "@dynamo/model";
import { writeRandomCheckpoint } from "@dynamo/model/convert";

export interface RandomCheckpointCommandOptions {
  readonly preset: string;
  readonly tokenHeads: number;
  readonly seed: number;
  readonly out: string;
}

export async function randomCheckpoint({
  preset,
  tokenHeads,
  seed,
  out,
}: RandomCheckpointCommandOptions): Promise<void> {
  const name = presetNames.find((known) => known === preset);
  if (name === undefined)
    throw new DynamoError("invalid-argument", `preset must be one of ${presetNames.join(", ")}, received ${preset}`);
  const config = presets(name, tokenHeads);
  await writeRandomCheckpoint(out, { config, seed });
  console.log(
    `${out}: ${(parameterCount(config, tokenHeads) / 1e6).toFixed(1)} M random parameters, ${tokenHeads} token heads`,
  );
}
