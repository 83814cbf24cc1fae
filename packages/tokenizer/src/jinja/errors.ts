/** What can go wrong in a template, before it becomes a DynamoError at the package's boundary. */

/**
 * - `syntax`: the template cannot be parsed
 * - `unsupported`: a part of Jinja that chat templates are not given here
 * - `raised`: the template itself called `raise_exception`
 * - `failed`: Python would have raised at this place: an undefined value's attribute, a wrong type, a division by zero
 * - `limit`: the template asked for more steps, text or nesting than a template may have
 */
export type TemplateErrorKind = "syntax" | "unsupported" | "raised" | "failed" | "limit";

export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly kind: TemplateErrorKind;
  /** Line of the template, from 1. Set by whoever knows it first. */
  line: number | undefined;

  constructor(kind: TemplateErrorKind, message: string, line?: number) {
    super(message);
    this.kind = kind;
    this.line = line;
  }
}

export function syntaxError(message: string, line: number): never {
  throw new TemplateError("syntax", message, line);
}

/** Where Python raises: TypeError, ValueError, UndefinedError and their like. */
export function fail(message: string): never {
  throw new TemplateError("failed", message);
}
