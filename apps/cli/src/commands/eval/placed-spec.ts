/** A spec with what of a model is used: results of 4 bits are not those of 32, wherever they are computed. */
import { evaluationOf, type EvaluationKind, type EvaluationSpec, type Evaluation, type SummaryOf } from "@dynamo/eval";
import { pinnedModel } from "../../hub-place.js";
import type { ModelOptions } from "../../schemas/common.js";

export interface PlacedSpec<Kind extends EvaluationKind = EvaluationKind> {
  readonly spec: EvaluationSpec<Kind>;
  /** The folder's own choice where it is not there. */
  readonly dtype?: NonNullable<ModelOptions["dtype"]>;
  readonly device?: NonNullable<ModelOptions["device"]>;
}

/** Options of evaluations that name models. */
const modelNames = ["model", "models", "scorer", "draft"] as const;

/** Models of the hub by their commit: the same command goes on with the same weights. */
export async function pinned<Kind extends EvaluationKind>(
  spec: EvaluationSpec<Kind>,
  signal: AbortSignal,
): Promise<EvaluationSpec<Kind>> {
  // A judge's model is one of its endpoint.
  if (spec.kind === "judge") return spec;
  const options: Record<string, unknown> = { ...spec.options };
  for (const name of modelNames) {
    const value = options[name];
    if (typeof value === "string") options[name] = await pinnedModel(value, signal);
    else if (Array.isArray(value))
      options[name] = await Promise.all(value.map((each) => pinnedModel(String(each), signal)));
  }
  // The same options with other texts in them.
  return { ...spec, options: options as unknown as typeof spec.options };
}

/** Whatever the machine chooses by itself is not written down. */
export const placed = <Kind extends EvaluationKind>(
  spec: EvaluationSpec<Kind>,
  { dtype, device }: ModelOptions,
): PlacedSpec<Kind> => ({
  spec,
  ...(dtype === undefined ? {} : { dtype }),
  ...(device === undefined || device === "auto" ? {} : { device }),
});

export async function placedEvaluation<Kind extends EvaluationKind>({
  spec,
  ...place
}: PlacedSpec<Kind>): Promise<Evaluation<unknown, unknown, SummaryOf<Kind>>> {
  const evaluation = await evaluationOf(spec);
  return { ...evaluation, settings: { ...evaluation.settings, ...place } };
}
