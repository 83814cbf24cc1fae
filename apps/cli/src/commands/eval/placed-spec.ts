/** A spec with what of a model is used: results of 4 bits are not those of 32, wherever they are computed. */
import { evaluationOf, type EvaluationKind, type EvaluationSpec, type Evaluation, type SummaryOf } from "@dynamo/eval";
import type { ModelOptions } from "../../schemas/common.js";

export interface PlacedSpec<Kind extends EvaluationKind = EvaluationKind> {
  readonly spec: EvaluationSpec<Kind>;
  /** The folder's own choice where it is not there. */
  readonly dtype?: NonNullable<ModelOptions["dtype"]>;
  readonly device?: NonNullable<ModelOptions["device"]>;
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
