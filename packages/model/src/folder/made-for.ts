/** Whether a graph was made for the config.json that lies beside it: its metadata has the one that it was made for. */
import { DynamoError } from "@dynamo/core";
import { parseConfig, type ModelConfig } from "../architectures/config.js";
import { describeModel } from "../architectures/description.js";
import { configJson } from "../checkpoint/config-json.js";
import { isObject, show, type Json } from "../architectures/json-reader.js";

/** Of a graph's metadata. Graphs of older conversions do not have it. */
export const configKey = "dynamo.config";

/**
 * What is wrong when the config computes something else than the graph: the keys that differ. Ids of special tokens and what else
 * leaves the mathematics as it is may be edited.
 */
export function configMismatch(config: ModelConfig, metadata: Readonly<Record<string, string>>): string | undefined {
  const made = madeFor(metadata[configKey]);
  const own = describeModel(config);
  if (made === undefined || describeModel(made) === own) return undefined;
  const [before, now]: [Json, Json] = [made.raw, configJson(config)];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const differing = keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]));
  const matters = (key: string): boolean => describe({ ...now, [key]: before[key] }) !== own;
  const named = differing
    .filter(matters)
    .slice(0, 5)
    .map((key) => `${key} ${show(before[key])} (config.json: ${show(now[key])})`);
  return `was made for another config.json, with ${named.join(", ")}: convert the checkpoint again, or put config.json back as it was`;
}

/** Undefined for a config that cannot be, as one may be with a single key of another. */
function describe(json: Json): string | undefined {
  try {
    return describeModel(parseConfig(json));
  } catch (error) {
    if (DynamoError.is(error)) return undefined;
    throw error;
  }
}

function madeFor(text: string | undefined): ModelConfig | undefined {
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? parseConfig(json) : undefined;
  } catch (error) {
    // Of another version, whose models are told apart by their inputs alone.
    if (DynamoError.is(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
