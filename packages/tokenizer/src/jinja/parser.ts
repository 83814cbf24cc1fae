/* eslint-disable max-lines-per-function -- a recursive-descent parser: small functions around one state */
/** Parses a template's statements. Throws TemplateErrors of kind `syntax`, or `unsupported` for parts that need other files. */
import { TemplateError, syntaxError } from "./errors.js";
import { expressionParser } from "./expressions.js";
import type { Body, Expression, Signature, Statement, Target } from "./syntax.js";
import { tokenStream } from "./token-stream.js";

const needsFiles = ["include", "import", "from", "extends", "block"];
const reserved = ["true", "false", "none", "True", "False", "None"];
const notUsed = ["autoescape", "trans", "do", "debug"];

export interface Library {
  readonly hasFilter: (name: string) => boolean;
  readonly hasTest: (name: string) => boolean;
}

export function parseTemplate(source: string, library: Library): Body {
  const stream = tokenStream(source);
  const { skipName, skipOperator, expectOperator, expectKind, current, next, isName } = stream;
  /** Names that the macros around this place read, the innermost's last. */
  const readers: Set<string>[] = [];
  const unknown: { message: string; line: number }[] = [];
  let loops = 0;
  const { expression, tuple, filters } = expressionParser(stream, {
    ...library,
    unknown,
    read: (name) => readers.forEach((reads) => reads.add(name)),
  });

  function body(...ends: string[]): Body {
    return stream.nested(() => {
      const statements: Statement[] = [];
      for (;;) {
        const { kind, value, line } = current();
        if (kind === "end" && ends.length === 0) return statements;
        if (kind === "text") {
          next();
          statements.push({ kind: "text", text: value, line });
        } else if (kind === "variable-begin") {
          next();
          statements.push({ kind: "output", value: tuple(), line });
          expectKind("variable-end");
        } else if (kind === "block-begin") {
          next();
          if (isName(...ends)) return statements;
          statements.push(statement());
        } else stream.unexpected(ends.map((end) => `{% ${end} %}`).join(" or "));
      }
    });
  }

  /** A body with its end, of which `name` is behind `{%` now. */
  function bodyTo(end: string): Body {
    expectKind("block-end");
    const statements = body(end);
    next();
    expectKind("block-end");
    return statements;
  }

  function statement(): Statement {
    const { value: tag, line } = expectKind("name");
    const parse = statements.get(tag);
    if (parse !== undefined) return parse(line);
    if (needsFiles.includes(tag))
      throw new TemplateError("unsupported", `{% ${tag} %}: a chat template stands alone, without other files`, line);
    return syntaxError(
      `unknown tag '${tag}'${notUsed.includes(tag) ? ", which chat templates do not have" : ""}`,
      line,
    );
  }

  /** Unknown filters and tests under a condition are an error only once it comes to them. */
  function under<T>(parse: () => T): T {
    const known = unknown.length;
    const parsed = parse();
    unknown.length = known;
    return parsed;
  }

  function ifStatement(line: number): Statement {
    return under(() => {
      const condition = tuple({ withChoice: false });
      expectKind("block-end");
      const then = body("elif", "else", "endif");
      if (skipName("elif"))
        return { kind: "if", condition, then, otherwise: [stream.nested(() => ifStatement(line))], line };
      const otherwise = skipName("else") ? elseBody("endif") : [];
      expectName("endif");
      expectKind("block-end");
      return { kind: "if", condition, then, otherwise, line };
    });
  }

  function elseBody(end: string): Body {
    expectKind("block-end");
    return body(end);
  }

  function expectName(name: string): void {
    if (!skipName(name)) stream.unexpected(`{% ${name} %}`);
  }

  function forStatement(line: number): Statement {
    const target = targets(["in"]);
    if (!skipName("in")) stream.unexpected("'in'");
    const items = tuple({ withChoice: false, ends: ["recursive"] });
    const condition = skipName("if") ? expression() : undefined;
    const recursive = skipName("recursive");
    expectKind("block-end");
    loops++;
    const inner = body("else", "endfor");
    loops--;
    const otherwise = skipName("else") ? elseBody("endfor") : [];
    expectName("endfor");
    expectKind("block-end");
    return { kind: "for", target, items, condition, recursive, body: inner, otherwise, line };
  }

  function targets(ends: readonly string[] = []): Target {
    const list = [oneTarget()];
    let commas = false;
    while (skipOperator(",")) {
      commas = true;
      if (isName(...ends) || stream.isOperator("=") || stream.isOperator(")") || stream.isKind("block-end")) break;
      list.push(oneTarget());
    }
    return commas ? { kind: "targets", targets: list } : (list[0] as Target);
  }

  function oneTarget(): Target {
    if (skipOperator("(")) {
      const inner = stream.nested(() => targets());
      expectOperator(")");
      return inner;
    }
    const { value: name, line } = expectKind("name");
    if (skipOperator(".")) return { kind: "field", name, field: expectKind("name").value };
    if (reserved.includes(name)) syntaxError(`expected a variable's name, received '${name}'`, line);
    return { kind: "name", name };
  }

  function setStatement(line: number): Statement {
    const target = targets();
    if (skipOperator("=")) {
      const value = tuple();
      expectKind("block-end");
      return { kind: "set", target, value, line };
    }
    const filter = stream.isOperator("|") ? filters({ kind: "body" }) : undefined;
    return { kind: "capture", target, filter, body: bodyTo("endset"), line };
  }

  function signature(): Omit<Signature, "reads"> {
    const parameters: string[] = [];
    const defaults: Expression[] = [];
    expectOperator("(");
    while (!skipOperator(")")) {
      if (parameters.length > 0) expectOperator(",");
      const { value, line } = expectKind("name");
      parameters.push(value);
      if (skipOperator("=")) defaults.push(expression());
      else if (defaults.length > 0) syntaxError("expected a default for each parameter behind one that has it", line);
    }
    return { parameters, defaults };
  }

  /** A body that is a function: its own loops, and the names that it reads. */
  function functionBody(end: string, head: Omit<Signature, "reads">): { body: Body; signature: Signature } {
    const reads = new Set<string>();
    readers.push(reads);
    const outside = loops;
    loops = 0;
    const inner = bodyTo(end);
    loops = outside;
    readers.pop();
    return { body: inner, signature: { ...head, reads } };
  }

  function callStatement(line: number): Statement {
    const head = stream.isOperator("(") ? signature() : { parameters: [], defaults: [] };
    const call = expression();
    if (call.kind !== "call") syntaxError("expected a call of a macro in {% call %}", line);
    return { kind: "call-block", call, ...functionBody("endcall", head), line };
  }

  function withStatement(line: number): Statement {
    const values: [Target, Expression][] = [];
    while (!stream.isKind("block-end")) {
      if (values.length > 0) expectOperator(",");
      const target = oneTarget();
      expectOperator("=");
      values.push([target, expression()]);
    }
    return { kind: "with", values, body: bodyTo("endwith"), line };
  }

  const jump =
    (kind: "break" | "continue") =>
    (line: number): Statement => {
      if (loops === 0) syntaxError(`expected {% ${kind} %} inside a loop`, line);
      expectKind("block-end");
      return { kind, line };
    };

  const statements = new Map<string, (line: number) => Statement>([
    ["if", ifStatement],
    ["for", forStatement],
    ["set", setStatement],
    ["call", callStatement],
    ["with", withStatement],
    ["break", jump("break")],
    ["continue", jump("continue")],
    [
      "macro",
      (line) => {
        const { value: name } = expectKind("name");
        return { kind: "macro", name, ...functionBody("endmacro", signature()), line };
      },
    ],
    [
      "filter",
      (line) => ({ kind: "filter-block", filter: filters({ kind: "body" }, true), body: bodyTo("endfilter"), line }),
    ],
    [
      "generation",
      (line) => ({
        kind: "generation",
        body: functionBody("endgeneration", { parameters: [], defaults: [] }).body,
        line,
      }),
    ],
    [
      "print",
      (line) => {
        const parts: Expression[] = [];
        while (!stream.isKind("block-end")) {
          if (parts.length > 0) expectOperator(",");
          parts.push(expression());
        }
        const value: Expression = { kind: "concat", parts };
        expectKind("block-end");
        return { kind: "output", value, line };
      },
    ],
  ]);
  const whole = body();
  if (unknown[0] !== undefined) syntaxError(unknown[0].message, unknown[0].line);
  return whole;
}
