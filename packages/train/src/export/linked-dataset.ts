/** A dataset in another folder without a second copy of its tokens, where the file system can do that. */
import { constants } from "node:fs";
import { copyFile, link, mkdir, readFile, realpath, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Dataset } from "../data/index.js";
import { manifestName } from "../data/manifest.js";
import { splits } from "../data/split.js";
import { checkDataset } from "./supported.js";

/** Beside the manifest; not every dataset has all of them. */
const texts = ["tokenizer.json", "tokenizer_config.json"];

/**
 * Shards are hard links, or copies on another disk. A dataset is never changed in place, so that
 * links are safe. Throws `unsupported` for datasets that the script cannot read.
 */
export async function linkDataset({ folder, manifest }: Dataset, target: string): Promise<void> {
  const json = await readFile(join(folder, manifestName), "utf8");
  checkDataset(JSON.parse(json) as Readonly<Record<string, unknown>>);
  await mkdir(target);
  await writeFile(join(target, manifestName), json);
  for (const name of texts) await linkOrCopy(join(folder, name), join(target, name)).catch(ignoreAbsent);
  for (const source of manifest.sources) {
    for (const { file } of splits.flatMap((split) => source[split].shards)) {
      await mkdir(dirname(join(target, file)), { recursive: true });
      await linkOrCopy(join(folder, file), join(target, file));
    }
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  // A link to a symbolic link would not survive the journey to another machine.
  const file = await realpath(from);
  await link(file, to).catch(async (error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw error;
    // Another disk, or a file system without links.
    await copyFile(file, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  });
}

function ignoreAbsent(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
