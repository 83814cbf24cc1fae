/** The command line of `pnpm bench`. */
import { parseArgs } from "node:util";
import { benches } from "./bench.js";

export interface Options {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly list: boolean;
  readonly json: string | undefined;
  /** Model folders by name, for the benches of models: instead of the embedded ones. */
  readonly models: ReadonlyMap<string, string>;
}

/** Throws with a sentence for people on unknown options and bench names. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean" },
      list: { type: "boolean" },
      json: { type: "string" },
      model: { type: "string", multiple: true },
    },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(benches, name));
  if (unknown !== undefined) {
    throw new Error(`no bench is called "${unknown}"; there are ${Object.keys(benches).join(", ")}`);
  }
  return {
    names: positionals.length > 0 ? positionals : Object.keys(benches),
    quick: values.quick ?? false,
    list: values.list ?? false,
    json: values.json,
    models: new Map((values.model ?? []).map(parseModel)),
  };
}

function parseModel(text: string): readonly [string, string] {
  const [, name, folder] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || folder === undefined) throw new Error(`--model: expected name=folder, received "${text}"`);
  return [name, folder];
}
