/** The files around a model's weights, and all that they ask for in vain. */
import type { ModelFiles } from "@dynamo/core";
import type { LoadedTokenizer } from "@dynamo/tokenizer";
import { configWarnings, type ModelConfig } from "../architectures/config.js";
import { readJson } from "./files.js";
import { generationConfigPath, readGenerationConfig, type GenerationConfig } from "./generation-config.js";
import { limits } from "./model-folder.js";
import { readTokenizer } from "./read-tokenizer.js";

export interface Around {
  readonly tokenizer: LoadedTokenizer | undefined;
  readonly generation: GenerationConfig;
  readonly warnings: readonly string[];
}

/** As in transformers, generation_config.json goes before config.json. */
export const endOfTextIdsOf = (config: ModelConfig, { endOfTextIds }: GenerationConfig): readonly number[] =>
  endOfTextIds ?? config.eosTokenIds;

/** Throws as `readTokenizer` and `readGenerationConfig` do. */
export async function readAround(files: ModelFiles, config: ModelConfig): Promise<Around> {
  const read = await readTokenizer(files, config);
  const there = (await files.size(generationConfigPath)) !== undefined;
  const json = there ? await readJson(files, generationConfigPath, limits.json) : undefined;
  const generation = readGenerationConfig(json, config);
  return {
    tokenizer: read?.tokenizer,
    generation,
    warnings: [...configWarnings(config), ...generation.warnings, ...(read?.warnings ?? [])],
  };
}
