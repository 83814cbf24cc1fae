/** A model that runs in this page. */
import { chatPrompt, hasChatTemplate, type LoadedModel } from "@dynamo/model";
import { writePasses, type Pass } from "./pass.js";
import type { PassOptions, PassSource } from "./pass-source.js";
import { adjustmentsOf, strategyOf } from "./strategy-of.js";

export function localSource(model: LoadedModel): PassSource {
  const write = (
    prompt: string | Int32Array,
    { settings, plugin, length, seed, signal }: PassOptions,
    beginOfText = true,
  ): AsyncGenerator<Pass, void> =>
    writePasses(model, {
      ...{ prompt, beginOfText, length, seed, signal },
      strategy: strategyOf(settings, plugin),
      adjustments: adjustmentsOf(settings),
    });
  return {
    remote: false,
    heads: model.info.tokenHeads,
    contextLength: model.info.contextLength,
    decode: (ids) => model.tokenizer.decode(ids),
    write: ({ prompt, ...options }) => write(prompt, options),
    answer: canAnswer(model)
      ? async function* ({ messages, onDropped, ...options }) {
          const { tokens, dropped } = chatPrompt(model, messages, { maxNewTokens: options.length });
          if (dropped > 0) onDropped(dropped);
          // The template writes it, where the model wants one.
          yield* write(tokens, options, false);
        }
      : undefined,
  };
}

/** A template that fails says so when it is used: writing goes on without it. */
function canAnswer(model: LoadedModel): boolean {
  try {
    return hasChatTemplate(model);
  } catch {
    return true;
  }
}
