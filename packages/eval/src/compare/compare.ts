/** The comparison of strategies (the paper's Table 4): overhead, tokens a pass, wall-clock speed-up, quality. */
import type { Evaluation } from "../evaluation.js";
import { comparison, type ComparisonOptions } from "./comparison.js";
import type { ComparisonJob, ComparisonResult } from "./comparison-result.js";
import type { ComparisonSummary } from "./comparison-summary.js";
import type { Way } from "./ways.js";

export interface CompareSettings extends ComparisonOptions {
  /** A model or checkpoint folder. */
  readonly model: string;
  /** A smaller model's folder with the same tokenizer: speculative sampling is in the comparison then. */
  readonly draft?: string | undefined;
  /** Tokens that it drafts a pass; default 4. */
  readonly drafts?: readonly number[] | undefined;
  /** ε_b of DynaMo's own decoding; default 0.5. */
  readonly backoffs?: readonly number[] | undefined;
}

/** The base, dynamo at each ε_b, verified, and speculative with a draft model. Throws `invalid-argument`. */
export function compare(
  settings: CompareSettings,
): Promise<Evaluation<ComparisonJob, ComparisonResult, ComparisonSummary>> {
  const { model, draft, drafts = [4], backoffs = [0.5], ...options } = settings;
  const ways: Way[] = [
    ...backoffs.map((backoff) => ({ strategy: "dynamo" as const, backoff })),
    { strategy: "verified" },
    ...(draft === undefined ? [] : drafts.map((each) => ({ strategy: "speculative" as const, drafts: each }))),
  ];
  return comparison("compare", [{ model, draft, ways }], options);
}
