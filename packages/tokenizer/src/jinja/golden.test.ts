/** Held against what transformers and Jinja2 render: __fixtures__/golden.py made the right values. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TemplateError } from "./errors.js";
import { compileTemplate } from "./template.js";

interface Rendered {
  readonly text?: string;
  readonly raised?: string;
  readonly error?: string;
  readonly line?: number;
}

const read = (name: string): string => readFileSync(new URL(`__fixtures__/${name}`, import.meta.url), "utf8");
const now = (): Date => new Date(2026, 6, 4, 9, 5, 3);

function rendered(template: string, context: Record<string, unknown>): Rendered {
  try {
    return { text: compileTemplate(template)(context, { now }) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    if (error.kind === "raised") return { raised: error.message };
    return error.kind === "syntax" ? { error: "TemplateSyntaxError", line: error.line ?? 0 } : { error: error.message };
  }
}

/** Python's other errors have names of their own; here they are one kind. */
function expectSame(got: Rendered, right: Rendered): void {
  if (right.error === undefined || right.error === "TemplateSyntaxError") expect(got).toEqual(right);
  else expect(got, `Jinja2 raises ${right.error}`).toEqual(expect.objectContaining({ error: expect.any(String) }));
}

describe("snippets", () => {
  const { context, snippets } = JSON.parse(read("snippets.json")) as {
    context: Record<string, unknown>;
    snippets: (Rendered & { template: string })[];
  };
  it.each(snippets)("$template", ({ template, ...right }) => expectSame(rendered(template, context), right));
});

describe("families", () => {
  const { special, cases, families } = JSON.parse(read("families.json")) as {
    special: Record<string, unknown>;
    cases: Record<string, Record<string, unknown>>;
    families: Record<string, Record<string, Rendered>>;
  };
  it.each(Object.entries(families))("%s", (family, conversations) => {
    const template = read(`templates/${family}.jinja`);
    for (const [name, right] of Object.entries(conversations))
      expectSame(rendered(template, { tools: null, documents: null, ...special, ...cases[name] }), right);
  });
});
