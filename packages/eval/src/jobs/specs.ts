/** An evaluation by its kind and options, as plain JSON: whoever has the spec makes the same evaluation. */
import { ablation } from "../compare/ablation.js";
import { architectures } from "../compare/architectures.js";
import { compare } from "../compare/compare.js";
import type { Evaluation } from "../evaluation.js";
import { judgeTexts } from "../judge/judge.js";
import { completions } from "../open-ended/completions.js";
import { measures } from "../open-ended/measures.js";
import { perplexity } from "../perplexity/perplexity.js";
import { tasks } from "../tasks/tasks.js";
import { checkOptions, oneOf, plainObject, required, type OptionChecks } from "@dynamo/core/options";

const kinds = { perplexity, tasks, completions, measures, judge: judgeTexts, compare, ablation, architectures };
type Kinds = typeof kinds;

/** The name of an evaluation. */
export type EvaluationKind = keyof Kinds;

/** An evaluation as plain JSON, from which any process makes it. */
export interface EvaluationSpec<Kind extends EvaluationKind = EvaluationKind> {
  readonly kind: Kind;
  readonly options: Parameters<Kinds[Kind]>[0];
}

/** What the evaluation of a kind says in the end. */
export type SummaryOf<Kind extends EvaluationKind> =
  Awaited<ReturnType<Kinds[Kind]>> extends Evaluation<infer _Job, infer _Result, infer Summary> ? Summary : never;

/** Throws what the evaluation throws for its options, and `invalid-argument` for a kind that there is not. */
export async function evaluationOf<Kind extends EvaluationKind>(
  spec: EvaluationSpec<Kind>,
): Promise<Evaluation<unknown, unknown, SummaryOf<Kind>>> {
  checkOptions("evaluationOf()", spec, {
    kind: required(oneOf(...(Object.keys(kinds) as Kind[]))),
    options: required(plainObject),
  } as OptionChecks<EvaluationSpec<Kind>>);
  const { kind, options } = spec;
  const make = kinds[kind] as unknown as (
    options: EvaluationSpec["options"],
  ) => Promise<Evaluation<unknown, unknown, SummaryOf<Kind>>>;
  return make(options);
}
