/** What a package exports, found by syntax alone: names, and the declarations behind them. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

export interface Declared {
  readonly name: string;
  /** Its file, and whether a doc comment stands before it. Undefined for what another package declares. */
  readonly found: { readonly file: string; readonly documented: boolean } | undefined;
}

const sources = new Map<string, ts.SourceFile>();

function parse(file: string): ts.SourceFile {
  const known =
    sources.get(file) ?? ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  sources.set(file, known);
  return known;
}

/** `./x.js` as TypeScript writes it; undefined for another package. */
function resolve(from: string, specifier: ts.Expression | undefined): string | undefined {
  if (specifier === undefined || !ts.isStringLiteral(specifier) || !specifier.text.startsWith(".")) return undefined;
  const path = join(dirname(from), specifier.text.replace(/\.js$/, ""));
  return [`${path}.ts`, `${path}.tsx`].find((file) => existsSync(file));
}

const isDocumented = (node: ts.Node): boolean => ts.getJSDocCommentsAndTags(node).length > 0;

function isExported(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  );
}

/** Names that a statement declares. */
function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.Statement & { readonly name?: ts.Node };
  return name === undefined ? [] : [name.getText()];
}

/** The declaration of a name that a file exports, followed through re-exports and imports. */
function find(file: string, name: string): Declared["found"] {
  const { statements } = parse(file);
  const own = statements.filter((statement) => namesOf(statement).includes(name));
  if (own.length > 0) return { file, documented: own.some(isDocumented) };
  for (const statement of statements) {
    if (ts.isExportDeclaration(statement)) {
      const target = resolve(file, statement.moduleSpecifier);
      const clause = statement.exportClause;
      if (target === undefined) continue;
      if (clause === undefined) {
        const found = find(target, name);
        if (found !== undefined) return found;
      } else if (ts.isNamedExports(clause)) {
        const element = clause.elements.find((each) => each.name.text === name);
        if (element !== undefined) return find(target, (element.propertyName ?? element.name).text);
      }
    }
    if (ts.isImportDeclaration(statement)) {
      const named = statement.importClause?.namedBindings;
      const element =
        named !== undefined && ts.isNamedImports(named)
          ? named.elements.find((each) => each.name.text === name)
          : undefined;
      const target = element === undefined ? undefined : resolve(file, statement.moduleSpecifier);
      if (element !== undefined && target !== undefined)
        return find(target, (element.propertyName ?? element.name).text);
    }
  }
  return undefined;
}

/** All that an entry exports. */
export function exportsOf(entry: string): readonly Declared[] {
  return parse(entry).statements.flatMap((statement): readonly Declared[] => {
    if (isExported(statement)) return namesOf(statement).map((name) => ({ name, found: find(entry, name) }));
    if (!ts.isExportDeclaration(statement)) return [];
    const target = resolve(entry, statement.moduleSpecifier);
    const clause = statement.exportClause;
    if (clause === undefined) return target === undefined ? [] : exportsOf(target);
    if (!ts.isNamedExports(clause)) return [];
    return clause.elements.map(({ name, propertyName }) => {
      const from = statement.moduleSpecifier === undefined ? entry : target;
      return { name: name.text, found: from === undefined ? undefined : find(from, (propertyName ?? name).text) };
    });
  });
}
