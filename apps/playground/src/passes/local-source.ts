/** A model that runs in this page. */
import { chatPrompt, hasChatTemplate, type LoadedModel } from "@dynamo/model";
import { writePasses } from "./pass.js";
import type { PassSource } from "./pass-source.js";
import { strategyOf } from "./strategy-of.js";

export function localSource(model: LoadedModel): PassSource {
  const write: PassSource["write"] = ({ settings, plugin, ...options }) =>
    writePasses(model, { ...options, strategy: strategyOf(settings, plugin) });
  return {
    remote: false,
    heads: model.info.tokenHeads,
    contextLength: model.info.contextLength,
    decode: (ids) => model.tokenizer.decode(ids),
    write,
    answer: canAnswer(model)
      ? async function* ({ messages, onDropped, ...options }) {
          const { prompt, dropped } = chatPrompt(model, messages, { maxNewTokens: options.length });
          if (dropped > 0) onDropped(dropped);
          yield* write({ ...options, prompt });
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
