/** A model folder's generation_config.json with other recommendations in it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { z } from "zod";
import { writeFileAtomically } from "@dynamo/model/convert";
import { folderCheck } from "../arguments.js";
import { settingCheck, type TuneSetting } from "./setting.js";

const mostBytes = 1 << 20;
const schema = z.looseObject({ dynamo: z.looseObject({}).optional() });

/**
 * Sets `temperature` (and `do_sample` where the file says greedy), `top_k`, and under `dynamo` `strategy`, and `joint`, `backoff` and
 * `mask_strength` where the setting has them; everything else stays as it is. A file that is not there is made. Returns its path. Throws
 * `invalid-file` for one that is no JSON object, `invalid-argument` where it cannot be written and for a strategy of the user's own.
 */
export async function writeRecommendation(folder: string, setting: TuneSetting): Promise<string> {
  checkValue("folder", folder, folderCheck);
  checkValue("setting", setting, settingCheck);
  const { strategy, joint, temperature, topK, backoff, maskStrength } = setting;
  if (strategy === "plugin")
    throw new DynamoError(
      "invalid-argument",
      "setting.strategy must be dynamo or verified: a model recommends no strategy of the user's own, received plugin",
    );
  const path = join(folder, "generation_config.json");
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "{}";
    throw new DynamoError("invalid-file", `cannot read ${path}`, { cause: error });
  });
  const config = parse(text, path);
  // JSON leaves out what is undefined: it must not hide what the file says.
  const own = Object.entries({ strategy, joint, backoff, mask_strength: maskStrength });
  const dynamo = { ...config.dynamo, ...Object.fromEntries(own.filter(([, value]) => value !== undefined)) };
  const greedy = config["do_sample"] === false ? { do_sample: true } : {};
  const changed = { ...config, ...greedy, temperature, top_k: topK, dynamo };
  await writeFileAtomically(path, `${JSON.stringify(changed, undefined, 2)}\n`);
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
