/**
 * The ablation (the paper's Table 9 and Figure 12): how much the co-occurrence mask, Otsu's threshold and the blur before it
 * are worth, at every ε_b asked for.
 */
import { checkOptions, required, type OptionChecks } from "@dynamo/core/options";
import { folderCheck, sharesCheck } from "../arguments.js";
import type { Evaluation } from "../evaluation.js";
import { comparison, comparisonChecks, type ComparisonOptions } from "./comparison.js";
import type { ComparisonJob, ComparisonResult } from "./comparison-result.js";
import type { ComparisonSummary } from "./comparison-summary.js";
import type { Way } from "./ways.js";

/** Settings of an ablation. */
export interface AblationSettings extends ComparisonOptions {
  /** A model or checkpoint folder. */
  readonly model: string;
  /** Default 0.25, 0.5, 0.75. */
  readonly backoffs?: readonly number[] | undefined;
  /** Default 1, 0.5, 0. */
  readonly maskStrengths?: readonly number[] | undefined;
}

const checks: OptionChecks<AblationSettings> = {
  model: required(folderCheck),
  backoffs: sharesCheck("ε_b"),
  maskStrengths: sharesCheck("α_c"),
  ...comparisonChecks,
};

/** A group for each ε_b: the paper's joint without its parts, and the joints of heads that know the tokens between. The blur is only there with Otsu's threshold, which it prepares. Throws `invalid-argument`. */
export async function ablation(
  settings: AblationSettings,
): Promise<Evaluation<ComparisonJob, ComparisonResult, ComparisonSummary>> {
  checkOptions("ablation()", settings, checks);
  const { model, backoffs = [0.25, 0.5, 0.75], maskStrengths = [1, 0.5, 0], ...options } = settings;
  const thresholds = [
    { adaptive: true, blur: true },
    { adaptive: true, blur: false },
    { adaptive: false, blur: false },
  ];
  const groups = backoffs.map((backoff) => ({
    model,
    ways: [
      ...maskStrengths.flatMap((maskStrength) =>
        thresholds.map((threshold): Way => ({
          strategy: "dynamo",
          joint: "counts",
          backoff,
          maskStrength,
          ...threshold,
        })),
      ),
      ...(["learned", "chain"] as const).map((joint): Way => ({ strategy: "dynamo", joint, backoff })),
    ],
  }));
  return comparison("ablation", groups, options);
}
