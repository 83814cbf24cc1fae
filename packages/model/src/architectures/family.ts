/** One family of models: a file of this folder each. */
import type { KeyRules } from "../checkpoint/config-keys.js";
import type { Architecture } from "./architecture.js";
import type { JsonReader } from "./json-reader.js";

export interface Family {
  /** For people. */
  readonly name: string;
  /** config.json's `model_type`. */
  readonly modelType: string;
  /** The class of transformers that computes this language model's logits: others have other outputs. */
  readonly className: string;
  /** Ids on the Hugging Face hub of models of this family that people run. */
  readonly examples: readonly string[];
  /** Throws `unsupported` for variants that are not computed here, `invalid-file` for values that cannot be. */
  read(json: JsonReader): Architecture;
  /** Rules for keys that `read` does not read and that are not the same in every family. */
  readonly keys: KeyRules;
}
