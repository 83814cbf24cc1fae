/** Which of the served models a request means. */
import type { Inference } from "../inference/inference.js";
import { ApiError } from "./errors.js";
import type { Job } from "./job.js";

export interface Models {
  readonly models: ReadonlyMap<string, Inference>;
  readonly options: { readonly models: readonly [{ readonly name: string }, ...unknown[]] };
}

export interface FoundModel {
  readonly name: string;
  readonly inference: Inference;
}

/** The first one when none is wanted by name. Throws ApiError 404. */
export function findModel({ models, options }: Models, wanted: string | undefined): FoundModel {
  const name = wanted ?? options.models[0].name;
  const inference = models.get(name);
  if (inference !== undefined) return { name, inference };
  throw new ApiError(404, `there is no model ${name}: expected ${[...models.keys()].join(", ")}`, {
    param: "model",
    code: "model_not_found",
  });
}

/** Throws ApiError 404, and 400 for a chat with a model that has no chat template. */
export function modelFor(context: Models, wanted: string | undefined, kind: Job["kind"]): FoundModel {
  const found = findModel(context, wanted);
  if (kind === "chat" && found.inference.model?.chat === false)
    throw new ApiError(400, `${found.name} is no chat model: it has no chat template; use /v1/completions`, {
      param: "model",
    });
  return found;
}
