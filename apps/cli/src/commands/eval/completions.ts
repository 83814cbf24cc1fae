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

/** Every ε_b with every mask strength and temperature; behind them the base's own temperatures. */
function settingsOf(options: CompletionsOptions): Setting[] {
  const { strategy, backoff, maskStrength, joint, adaptive, blur, temperatures, baseTemperatures = [] } = options;
  const flags = { joint, ...(adaptive ? {} : { adaptive }), ...(blur ? {} : { blur }) };
  const own = (temperatures ?? [undefined]).flatMap((temperature) =>
    (maskStrength ?? [undefined]).flatMap((mask): Setting[] =>
      strategy === "verified"
        ? [{ strategy, temperature, maskStrength: mask }]
        : (backoff ?? [0.5]).map((each) => ({ strategy, temperature, backoff: each, maskStrength: mask, ...flags })),
    ),
  );
  return [...own, ...baseTemperatures.map((temperature): Setting => ({ strategy: "autoregressive", temperature }))];
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
