/** A spec with what of a model is used: results of 4 bits are not those of 32, wherever they are computed. */
import {
  evaluationOf,
  type Evaluation,
  type EvaluationKind,
  type EvaluationSpec,
  type SummaryOf,
  type Work,
} from "@dynamo/eval";
import { localFolder } from "../../hub-place.js";
import type { ModelOptions } from "../../schemas/common.js";
import { ownText, type OwnTextSpec } from "../own-text/own-text.js";

export interface Placed<Spec> {
  readonly spec: Spec;
  /** The folder's own choice where it is not there. */
  readonly dtype?: NonNullable<ModelOptions["dtype"]>;
  readonly device?: NonNullable<ModelOptions["device"]>;
}

export type PlacedSpec<Kind extends EvaluationKind = EvaluationKind> = Placed<EvaluationSpec<Kind>>;

/** What workers of a queue run. */
export type PlacedWork = PlacedSpec | Placed<OwnTextSpec>;

/** Options of evaluations that name models. */
const modelNames = ["model", "models", "scorer", "draft"] as const;

/** Models of the hub as the folders that are kept of them: their paths have the commit, and results have their hashes. */
export async function withFolders<Kind extends EvaluationKind>(
  spec: EvaluationSpec<Kind>,
  { dtype }: ModelOptions,
  signal: AbortSignal,
): Promise<EvaluationSpec<Kind>> {
  // A judge's model is one of its endpoint.
  if (spec.kind === "judge") return spec;
  const options: Record<string, unknown> = { ...spec.options };
  const folder = (model: unknown): Promise<string> => localFolder(String(model), { as: "model", dtype }, signal);
  for (const name of modelNames) {
    const value = options[name];
    if (typeof value === "string") options[name] = await folder(value);
    else if (Array.isArray(value)) {
      const folders: string[] = [];
      for (const each of value) folders.push(await folder(each));
      options[name] = folders;
    }
  }
  // The same options with other texts in them.
  return { ...spec, options: options as unknown as typeof spec.options };
}

/** Whatever the machine chooses by itself is not written down. */
export const placed = <Spec>(spec: Spec, { dtype, device }: ModelOptions): Placed<Spec> => ({
  spec,
  ...(dtype === undefined ? {} : { dtype }),
  ...(device === undefined || device === "auto" ? {} : { device }),
});

export async function placedEvaluation<Kind extends EvaluationKind>(
  placed: PlacedSpec<Kind>,
): Promise<Evaluation<unknown, unknown, SummaryOf<Kind>>> {
  return withPlace(await evaluationOf(placed.spec), placed);
}

export async function placedWork(placed: PlacedWork): Promise<Work> {
  const { spec } = placed;
  return withPlace<Work>(spec.kind === "own-text" ? await ownText(spec.options) : await evaluationOf(spec), placed);
}

export const withPlace = <Own extends Work>(work: Own, { spec: _, ...place }: Placed<unknown>): Own => ({
  ...work,
  settings: { ...work.settings, ...place },
});
