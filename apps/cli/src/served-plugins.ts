/** `--strategy name=module` and `--strategy-options name=json` of the verbs that serve. */
import { resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import type { ServedPlugin } from "@dynamo/server";
import { parseObject } from "./options/spec.js";

export interface PluginFlags {
  readonly strategy?: readonly string[];
  readonly strategyOptions?: readonly string[];
}

/** Throws `invalid-argument` for other forms, and for options of a name that no module has. */
export function servedPlugins({ strategy = [], strategyOptions = [] }: PluginFlags): ServedPlugin[] {
  const options = new Map(strategyOptions.map((each) => parts(each, "--strategy-options NAME=JSON")));
  const plugins = strategy.map((each): ServedPlugin => {
    const [name, module] = parts(each, "--strategy NAME=MODULE");
    const own = options.get(name);
    return { name, module: resolve(module), ...(own === undefined ? {} : { options: objectOf(name, own) }) };
  });
  for (const { name, module } of plugins)
    console.error(`loading the strategy ${name} from ${module}: it runs as code on this machine`);
  const unknown = [...options.keys()].find((name) => !plugins.some((plugin) => plugin.name === name));
  if (unknown === undefined) return plugins;
  const names = plugins.map(({ name }) => name).join(", ") || "none";
  throw new DynamoError(
    "invalid-argument",
    `--strategy-options: expected a name of --strategy (${names}), received ${unknown}`,
  );
}

function parts(text: string, form: string): readonly [name: string, value: string] {
  const [, name = "", value = ""] = /^([\w.-]+)=(.+)$/s.exec(text) ?? [];
  if (name === "") throw new DynamoError("invalid-argument", `expected ${form}, received ${text}`);
  return [name, value];
}

function objectOf(name: string, json: string): Readonly<Record<string, unknown>> {
  try {
    return parseObject(json);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DynamoError("invalid-argument", `--strategy-options ${name}: ${reason}`, { cause });
  }
}
