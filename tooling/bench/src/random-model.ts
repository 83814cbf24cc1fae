/** Model folders of random weights in a temporary folder, made once and kept for the next run. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { presets, type ConditionalSizes, type ModelDType, type PresetName } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";

const place = join(tmpdir(), "dynamo-bench");

const kindOf = (preset: PresetName, tokenHeads: number, conditional: ConditionalSizes | undefined): string =>
  `${preset}-t${tokenHeads}${conditional === undefined ? "" : `-c${conditional.pairs}-${conditional.between}`}`;

/** A checkpoint in Hugging Face form. */
export async function randomCheckpoint(
  preset: PresetName,
  tokenHeads: number,
  conditional?: ConditionalSizes,
): Promise<string> {
  const folder = join(place, `${kindOf(preset, tokenHeads, conditional)}-checkpoint`);
  if (!existsSync(join(folder, "config.json"))) {
    await mkdir(place, { recursive: true });
    const config = { ...presets(preset, tokenHeads), ...(conditional === undefined ? {} : { conditional }) };
    await writeRandomCheckpoint(folder, { config, seed: 1 });
  }
  return folder;
}

/** A model folder with one graph. */
export async function randomModel(
  preset: PresetName,
  tokenHeads: number,
  dtype: ModelDType,
  conditional?: ConditionalSizes,
): Promise<string> {
  const folder = join(place, `${kindOf(preset, tokenHeads, conditional)}-${dtype}`);
  if (!existsSync(folder))
    await convertCheckpoint(await randomCheckpoint(preset, tokenHeads, conditional), folder, { dtypes: [dtype] });
  return folder;
}
