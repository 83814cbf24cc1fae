/** What makes prompts of texts and conversations, without the model that goes on from them: for threads of their own. */
import type { LanguageModel, ModelFiles } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import type { LoadedTokenizer } from "@dynamo/tokenizer";
import { sourceCheck } from "../arguments.js";
import { parseConfig } from "../architectures/config.js";
import { readJson } from "./files.js";
import { limits } from "./model-folder.js";
import { endOfTextIdsOf, readAround } from "./read-around.js";
import { openSource } from "./source.js";

/** Every loaded model is one. */
export interface PromptReader {
  /** Undefined for a folder without tokenizer.json. */
  readonly chatTokenizer: LoadedTokenizer | undefined;
  readonly info: Pick<LanguageModel["info"], "contextLength" | "vocabularySize" | "beginOfTextId">;
}

/** A reader that says too which tokens end a text. */
export interface LoadedPromptReader extends PromptReader {
  readonly info: PromptReader["info"] & Pick<LanguageModel["info"], "endOfTextIds">;
}

/** Throws `not-found` for missing files, `invalid-file` for damaged or disagreeing ones. */
export async function loadPromptReader(source: string | ModelFiles): Promise<LoadedPromptReader> {
  checkValue("source", source, sourceCheck);
  const files = await openSource(source, { as: "model" });
  try {
    const config = parseConfig(await readJson(files, "config.json", limits.json));
    const { contextLength, vocabularySize, beginOfTextId } = config;
    const { tokenizer, generation } = await readAround(files, config);
    return {
      chatTokenizer: tokenizer,
      info: { contextLength, vocabularySize, beginOfTextId, endOfTextIds: endOfTextIdsOf(config, generation) },
    };
  } finally {
    if (typeof source === "string") await files.close?.();
  }
}
