/** A model folder's generation_config.json with other recommendations in it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { checkOptions, checkValue, numberIn, required, whole, type OptionChecks } from "@dynamo/core/options";
import { z } from "zod";
import { writeFileAtomically } from "@dynamo/model/convert";
import { folderCheck } from "../arguments.js";
import type { TuneSetting } from "./choose.js";

const checks: OptionChecks<TuneSetting> = {
  backoff: required(numberIn(0, 1)),
  maskStrength: required(numberIn(0, 1)),
  topK: required(whole(1)),
};

const mostBytes = 1 << 20;
const schema = z.looseObject({ dynamo: z.looseObject({}).optional() });

/**
 * Sets `dynamo.backoff`, `dynamo.mask_strength` and `top_k`, and leaves everything else as it is; a file that is not there
 * is made. Returns its path. Throws `invalid-file` for one that is no JSON object, `invalid-argument` where it cannot be written.
 */
export async function writeRecommendation(folder: string, setting: TuneSetting): Promise<string> {
  checkValue("folder", folder, folderCheck);
  checkOptions("writeRecommendation()", setting, checks);
  const { backoff, maskStrength, topK } = setting;
  const path = join(folder, "generation_config.json");
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "{}";
    throw new DynamoError("invalid-file", `cannot read ${path}`, { cause: error });
  });
  const config = parse(text, path);
  const dynamo = { ...config.dynamo, backoff, mask_strength: maskStrength };
  await writeFileAtomically(path, `${JSON.stringify({ ...config, top_k: topK, dynamo }, undefined, 2)}\n`);
  return path;
}

function parse(text: string, path: string): z.output<typeof schema> {
  try {
    if (text.length > mostBytes) throw new RangeError(`${text.length} characters`);
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DynamoError("invalid-file", `${path}: expected a JSON object of at most ${mostBytes} bytes`, { cause });
  }
}
