/** Templates of tasks: "{{field}}", "{{field.inner}}" and "{{list.0}}" stand for what a row has there. No logic, no code. */

/** What a row has at "a.b.0"; undefined where it has nothing. */
export function fieldOf(row: unknown, path: string): unknown {
  let value = row;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** Throws a `MissingField` for a field that a row has not, or that is neither text, number nor truth value. */
export const fillTemplate = (template: string, row: unknown): string =>
  template.replaceAll(/\{\{\s*([^{}]+?)\s*\}\}/g, (_, path: string) => {
    const value = fieldOf(row, path);
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
    throw new MissingField(path);
  });

export class MissingField extends Error {
  readonly path: string;

  constructor(path: string, expected = "text") {
    super(`expected ${expected}`);
    this.path = path;
  }
}
