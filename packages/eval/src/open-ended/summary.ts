/** What the jobs of open-ended text say together: texts by setting, orders, tokens per pass, speed-ups with intervals. */
import { ratioEstimate, type Estimate } from "../statistics/intervals.js";
import type { CompletionsResult, Timing } from "./completions-result.js";
import type { OpenPrompt } from "./prompts.js";
import type { Setting, WrittenText } from "./write-text.js";

/** The texts of one prompt. */
export interface PromptTexts {
  /** Its place among the prompts. */
  readonly prompt: number;
  readonly texts: readonly WrittenText[];
}

/** The texts of one setting. */
export interface SettingSummary {
  readonly setting: Setting;
  readonly tokens: number;
  readonly passes: number;
  readonly tokensPerPass: number;
  /** orders[n - 1]: passes that settled at order n. */
  readonly orders: readonly number[];
  /**
   * Wall-clock seconds per token of the base / of the setting: the geometric mean over the prompts, 95 % by Student's t on the
   * logarithms. Null where nothing was timed.
   */
  readonly speedup: Estimate | null;
  /** The same of each sentence type or category. */
  readonly speedupByType: Readonly<Record<string, Estimate>>;
  readonly prompts: readonly PromptTexts[];
}

/** All texts, by setting and prompt. */
export interface CompletionsSummary {
  readonly prompts: readonly OpenPrompt[];
  /** Head 1, one token per pass. */
  readonly base: readonly PromptTexts[];
  readonly settings: readonly SettingSummary[];
}

export async function summarizeCompletions(
  results: AsyncIterable<CompletionsResult>,
  { prompts, settings }: { readonly prompts: readonly OpenPrompt[]; readonly settings: readonly Setting[] },
): Promise<CompletionsSummary> {
  const base: PromptTexts[] = [];
  const own = settings.map(() => [] as CompletionsResult[]);
  for await (const result of results) {
    if (result.setting === null) base.push({ prompt: result.prompt, texts: result.texts });
    else own[result.setting]?.push(result);
  }
  return { prompts, base, settings: settings.map((setting, i) => summaryOf(setting, own[i] ?? [], prompts)) };
}

function summaryOf(
  setting: Setting,
  results: readonly CompletionsResult[],
  prompts: readonly OpenPrompt[],
): SettingSummary {
  const texts = results.flatMap((result) => result.texts);
  const sum = (of: (text: WrittenText) => number): number => texts.reduce((total, text) => total + of(text), 0);
  const [tokens, passes] = [sum((text) => text.tokens), sum((text) => text.passes)];
  const heads = Math.max(0, ...texts.map(({ orders }) => orders.length));
  const ratios = (type?: string): number[] =>
    results
      .filter(({ prompt }) => type === undefined || prompts[prompt]?.type === type)
      .flatMap(({ timing }) => speedupOf(timing));
  return {
    setting,
    tokens,
    passes,
    tokensPerPass: passes === 0 ? 0 : tokens / passes,
    orders: Array.from({ length: heads }, (_, i) => sum(({ orders }) => orders[i] ?? 0)),
    speedup: ratioEstimate(ratios()),
    speedupByType: Object.fromEntries(
      typesOf(prompts).flatMap((type) => {
        const estimate = ratioEstimate(ratios(type));
        return estimate === null ? [] : [[type, estimate]];
      }),
    ),
    prompts: results.map((result) => ({ prompt: result.prompt, texts: result.texts })),
  };
}

/** In the order in which they come. */
export const typesOf = (prompts: readonly OpenPrompt[]): string[] => [...new Set(prompts.map(({ type }) => type))];

/** None where one of the two wrote no token at all. */
function speedupOf(timing: Timing | null): number[] {
  if (timing === null || timing.tokens === 0 || timing.baseTokens === 0 || timing.seconds === 0) return [];
  return [timing.baseSeconds / timing.baseTokens / (timing.seconds / timing.tokens)];
}
