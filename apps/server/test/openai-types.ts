/** The members of an interface in the declarations of the openai package: OpenAI's own word for what there is to send. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export function membersOf(file: string, name: string): string[] {
  const path = fileURLToPath(import.meta.resolve(`openai/${file}`)).replace(/\.mjs$/, ".d.ts");
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest);
  const found = source.statements.find((each) => ts.isInterfaceDeclaration(each) && each.name.text === name);
  if (found === undefined || !ts.isInterfaceDeclaration(found)) throw new Error(`no interface ${name} in ${path}`);
  return found.members.flatMap(({ name: member }) => (member === undefined ? [] : [member.getText(source)]));
}
