/** What a drop on the page brings: a model folder, a strategy's file, or neither. */
import type { PlacedFiles } from "@dynamo/runtime-web";

export type Drop =
  | { readonly kind: "model"; readonly files: PlacedFiles }
  | { readonly kind: "strategy"; readonly file: File }
  | { readonly kind: "nothing"; readonly message: string };

/** A model folder has a config.json, however deep it lies; a strategy is one file of JavaScript. */
export function dropOf(files: PlacedFiles): Drop {
  if ([...files.keys()].some((path) => /(^|\/)config\.json$/.test(path))) return { kind: "model", files };
  const [only, ...others] = files.values();
  if (only !== undefined && others.length === 0 && /\.m?js$/i.test(only.name)) return { kind: "strategy", file: only };
  const received = only === undefined ? "no file" : others.length === 0 ? only.name : `${files.size} files`;
  return {
    kind: "nothing",
    message: `expected a model folder (with its config.json) or a strategy's file (.js or .mjs), received ${received}`,
  };
}
