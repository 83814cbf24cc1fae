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
