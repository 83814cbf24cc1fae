/** Where things are. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

const root = new URL("../../../", import.meta.url);

export const pathOf = (file: string): string => fileURLToPath(new URL(file, root));
export const readText = (file: string): string => readFileSync(new URL(file, root), "utf8");

/** Every document of a YAML file; a key that stands twice, or what is no YAML at all, throws. */
export function readYaml(file: string): unknown[] {
  return parseAllDocuments(readText(file), { strict: true, uniqueKeys: true, merge: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS() as unknown;
  });
}

/** Options, as in --trust-proxy, that `dynamo serve` does not have. */
export function unknownOptions(args: readonly string[]): string[] {
  const schemas = ["serving", "common"].map((name) => readText(`apps/cli/src/schemas/${name}.ts`)).join("\n");
  return args.filter((argument) => {
    const name = /^--(.+)$/.exec(argument)?.[1]?.replaceAll(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
    return name !== undefined && !new RegExp(`^ +${name}: `, "m").test(schemas);
  });
}
