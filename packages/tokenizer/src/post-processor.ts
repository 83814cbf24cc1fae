/** Post-processors add special tokens, which encoding here never does, and trim offsets, which it does not give. */
import { settingsOf, unknownType, type Settings } from "./settings.js";

const known = ["BertProcessing", "RobertaProcessing", "ByteLevel", "TemplateProcessing", "Sequence"];

/** Throws `unsupported` for a post-processor that is not known: it might change ids. */
export function checkPostProcessor(json: unknown): void {
  if (json !== undefined && json !== null) check(settingsOf(json, "post_processor"));
}

function check(settings: Settings): void {
  if (!known.includes(settings.type)) unknownType(settings, known);
  if (settings.type === "Sequence") settings.list("processors").forEach(check);
}
