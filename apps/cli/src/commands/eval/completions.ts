/** `dynamo eval completions`: open-ended text under many settings, each beside the base's. */
import { estimateText, settingText, type CompletionsSummary, type Setting } from "@dynamo/eval";
import { modelPath } from "@dynamo/stories";
import { columnsText } from "./columns.js";
import { runSpec } from "./run-spec.js";
import type { CompletionsOptions } from "../../schemas/open-ended.js";

export async function evalCompletions(
  model: string | undefined,
  options: CompletionsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { questions, temperature, topK, repetitionPenalty, maxNewTokens, timedSeeds, stopAtEndOfText } = options;
  const seeds = Array.from({ length: options.seeds }, (_, i) => i);
  const settings = {
    ...{ model: model ?? modelPath, questions, settings: settingsOf(options), seeds, timedSeeds },
    ...{ temperature, topK, repetitionPenalty, maxNewTokens, stopAtEndOfText },
  };
  await runSpec({ kind: "completions", options: settings }, { options, signal, unit: "prompts", print });
}

/** Every ε_b with every mask strength. */
function settingsOf({ strategy, backoff, maskStrength, adaptive, blur }: CompletionsOptions): Setting[] {
  const masks = maskStrength ?? [undefined];
  if (strategy === "verified") return masks.map((mask) => ({ strategy, maskStrength: mask }));
  const without = { ...(adaptive ? {} : { adaptive }), ...(blur ? {} : { blur }) };
  return masks.flatMap((mask) =>
    (backoff ?? [0.5]).map((each) => ({ strategy, backoff: each, maskStrength: mask, ...without })),
  );
}

function print({ settings }: CompletionsSummary): void {
  const rows = settings.map(({ setting, speedup, tokens, tokensPerPass, orders }) => ({
    setting: settingText(setting),
    tokens,
    "tokens per pass": tokensPerPass.toFixed(2),
    "speed-up (95 %)": estimateText(speedup),
    "passes by order": orders.join(" / "),
  }));
  console.log(columnsText(rows));
}
