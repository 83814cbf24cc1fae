/** The command line of `pnpm bench`. */
import { parseArgs } from "node:util";
import { benches } from "./bench.js";

export interface Options {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly list: boolean;
  readonly json: string | undefined;
}

/** Throws with a sentence for people on unknown options and bench names. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { quick: { type: "boolean" }, list: { type: "boolean" }, json: { type: "string" } },
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
  };
}
