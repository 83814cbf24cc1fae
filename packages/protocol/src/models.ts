/** What GET /v1/models answers. */
import { array, boolean, int, object, string, type infer as Infer } from "zod";
import { check } from "./check.js";

const listedModel = object({
  id: string().min(1).max(500),
  /** What a DynaMo server says about it. */
  dynamo: object({
    tokenHeads: int().min(1).max(16),
    contextLength: int().min(1).optional(),
    /** It has a chat template. */
    chat: boolean(),
  }).optional(),
});

export const modelList = object({ data: array(listedModel).max(10_000) });

/** A model in a server's list. */
export type ListedModel = Infer<typeof listedModel>;
/** A server's list of models. */
export type ModelList = Infer<typeof modelList>;

/** Throws `runtime` for what is no list of models. */
export const parseModels = (json: unknown): readonly ListedModel[] =>
  check(modelList, json, "the server's list of models", "runtime").data;
