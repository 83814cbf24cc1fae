/** Options of the verbs about models of the hub: pull, models. */
import { choices, text, type OptionsOf } from "../options/spec.js";
import { dtypes, json } from "./common.js";

export const pullOptions = {
  dtype: choices("<names>", dtypes, "one of them, or several with commas (default: q8, or what the repository has)"),
  revision: text("<name>", "a branch, a tag or a commit; also as owner/name@revision (default: main)"),
  json,
};
export type PullOptions = OptionsOf<typeof pullOptions>;

export const keptModelsOptions = { json };
export type KeptModelsOptions = OptionsOf<typeof keptModelsOptions>;
