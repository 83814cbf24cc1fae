/** The tokenizer of a checkpoint or model folder, checked against the model. */
import type { ModelFiles } from "@dynamo/core";
import { loadTokenizer, type LoadedTokenizer } from "@dynamo/tokenizer";
import { checkTokenizerFits } from "./checkpoint.js";
import type { NeoxConfig } from "./config.js";
import { readJson } from "./files.js";
import { limits } from "./model-folder.js";

/**
 * Undefined for a folder without one: it still runs on token ids. Throws `invalid-file` when it is damaged or larger than
 * the model's vocabulary.
 */
export async function readTokenizer(files: ModelFiles, config: NeoxConfig): Promise<LoadedTokenizer | undefined> {
  if ((await files.size("tokenizer.json")) === undefined) return undefined;
  const optional = async (path: string): Promise<unknown> =>
    (await files.size(path)) === undefined ? undefined : await readJson(files, path, limits.json);
  const template =
    (await files.size("chat_template.jinja")) === undefined
      ? undefined
      : await files.read("chat_template.jinja", limits.json);
  const tokenizer = loadTokenizer({
    tokenizerJson: await readJson(files, "tokenizer.json", limits.tokenizer),
    tokenizerConfig: await optional("tokenizer_config.json"),
    ...(template === undefined ? {} : { chatTemplate: new TextDecoder().decode(template) }),
  });
  checkTokenizerFits(tokenizer.vocabularySize, config);
  return tokenizer;
}
