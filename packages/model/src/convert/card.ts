/** A model folder's card: what it was made of, and under which licence. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelFiles } from "@dynamo/core";
import { cardFiles } from "../hub/needed-files.js";
import type { ModelDType } from "../graph/weights.js";

/** The model that a conversion was made from. */
export interface BaseModel {
  /** On the hub: owner/name. */
  readonly id?: string | undefined;
  /** The commit. */
  readonly revision?: string | undefined;
  /** As the card names it, e.g. apache-2.0. */
  readonly license?: string | undefined;
}

/** Licences and cards of models are texts of some kilobytes. */
const maxCardBytes = 2 ** 20;

/** The checkpoint's card, and what its front matter says; keys that have other forms than one word are left out. */
async function readCard(files: ModelFiles): Promise<BaseModel> {
  const size = await files.size("README.md");
  if (size === undefined || size > maxCardBytes) return {};
  const text = new TextDecoder().decode(await files.read("README.md", maxCardBytes));
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? "";
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}:\\s*(?:-\\s*)?["']?([\\w./+-]{1,200})["']?\\s*$`, "m").exec(front)?.[1];
  return { license: value("license_name") ?? value("license"), id: value("base_model") };
}

/** Writes README.md, and copies the licence's own files. Nothing is written when nothing is known. */
export async function writeCard(
  files: ModelFiles,
  folder: string,
  { base, dtypes }: { readonly base: BaseModel | undefined; readonly dtypes: readonly ModelDType[] },
): Promise<void> {
  for (const name of cardFiles) {
    const size = name === "README.md" ? undefined : await files.size(name);
    if (size === undefined || size > maxCardBytes) continue;
    await writeFile(join(folder, name), await files.read(name, maxCardBytes));
  }
  const card = await readCard(files);
  const known = { ...base, license: base?.license ?? card.license, id: base?.id ?? card.id };
  if (known.license === undefined && known.id === undefined) return;
  await writeFile(join(folder, "README.md"), cardText(known, dtypes));
}

function cardText({ id, revision, license }: BaseModel, dtypes: readonly ModelDType[]): string {
  const front = [
    ...(license === undefined ? [] : [`license: ${license}`]),
    ...(id === undefined ? [] : [`base_model: ${id}`]),
    "library_name: dynamo",
  ];
  const base = id === undefined ? "a checkpoint" : `[${id}](https://huggingface.co/${id})`;
  const at = revision === undefined ? "" : `, commit ${revision}`;
  const rights =
    license === undefined
      ? "The base model's card names no licence: look there before you pass this folder on."
      : `The weights are the base model's, under its licence: ${license}.`;
  return `---\n${front.join("\n")}\n---\n\nConverted by DynaMo for TypeScript from ${base}${at}, with weights in ${dtypes.join(", ")}. ${rights}\n`;
}
