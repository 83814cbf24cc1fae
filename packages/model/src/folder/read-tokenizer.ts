/** The tokenizer of a checkpoint or model folder, checked against the model. */
import type { ModelFiles } from "@dynamo/core";
import { openTokenizer, type LoadedTokenizer } from "@dynamo/tokenizer";
import { checkTokenizerFits } from "../checkpoint/checkpoint.js";
import type { ModelConfig } from "../architectures/config.js";
import { readJson } from "./files.js";
import { additionalTemplates, limits } from "./model-folder.js";
import { tokenizerConfig } from "./tokenizer-config-keys.js";

export interface ReadTokenizer {
  readonly tokenizer: LoadedTokenizer;
  /** What its files ask for in vain. */
  readonly warnings: readonly string[];
}

/**
 * Undefined for a folder without one: it still runs on token ids. Throws `invalid-file` when it is damaged or larger than
 * the model's vocabulary.
 */
export async function readTokenizer(files: ModelFiles, model: ModelConfig): Promise<ReadTokenizer | undefined> {
  if ((await files.size("tokenizer.json")) === undefined) return undefined;
  const optional = async (path: string): Promise<unknown> =>
    (await files.size(path)) === undefined ? undefined : await readJson(files, path, limits.json);
  const text = async (path: string): Promise<string | undefined> =>
    (await files.size(path)) === undefined ? undefined : new TextDecoder().decode(await files.read(path, limits.json));
  const chatTemplate = await text("chat_template.jinja");
  const tokenizerJson = await readJson(files, "tokenizer.json", limits.tokenizer);
  const { config, warnings } = tokenizerConfig({
    tokenizer: tokenizerJson,
    config: await optional("tokenizer_config.json"),
    specialTokens: await optional("special_tokens_map.json"),
  });
  const tokenizer = await openTokenizer({
    tokenizerJson,
    tokenizerConfig: config,
    ...(chatTemplate === undefined ? {} : { chatTemplate, additionalChatTemplates: await additional(text) }),
  });
  checkTokenizerFits(tokenizer.vocabularySize, model);
  return { tokenizer, warnings };
}

/** A folder cannot be listed over HTTP: these are the names that published models use. */
async function additional(text: (path: string) => Promise<string | undefined>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of additionalTemplates) {
    const template = await text(path);
    if (template !== undefined) found[path.slice(path.lastIndexOf("/") + 1, -".jinja".length)] = template;
  }
  return found;
}
