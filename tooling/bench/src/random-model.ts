/** Model folders of random weights in a temporary folder, made once and kept for the next run. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { presets, type ModelDType, type PresetName } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";

const place = join(tmpdir(), "dynamo-bench");

/** A checkpoint in Hugging Face form. */
export async function randomCheckpoint(preset: PresetName, tokenHeads: number): Promise<string> {
  const folder = join(place, `${preset}-t${tokenHeads}-checkpoint`);
  if (!existsSync(join(folder, "config.json"))) {
    await mkdir(place, { recursive: true });
    await writeRandomCheckpoint(folder, { config: presets(preset, tokenHeads), seed: 1 });
  }
  return folder;
}

/** A model folder with one graph. */
export async function randomModel(preset: PresetName, tokenHeads: number, dtype: ModelDType): Promise<string> {
  const folder = join(place, `${preset}-t${tokenHeads}-${dtype}`);
  if (!existsSync(folder))
    await convertCheckpoint(await randomCheckpoint(preset, tokenHeads), folder, { dtypes: [dtype] });
  return folder;
}
