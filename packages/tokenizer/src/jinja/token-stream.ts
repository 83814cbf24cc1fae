/** The tokens of a template with the few questions that a parser asks. */
import { maxNesting } from "./budget.js";
import { syntaxError } from "./errors.js";
import { tokenize, type Token, type TokenKind } from "./lexer.js";

export interface TokenStream {
  readonly current: () => Token;
  readonly next: () => Token;
  /** Is the current token of this kind, or an operator or name with this text? */
  readonly isKind: (kind: TokenKind) => boolean;
  readonly isOperator: (value: string) => boolean;
  readonly isName: (...values: string[]) => boolean;
  /** As `isOperator` and `isName`, and goes on behind it. */
  readonly skipOperator: (value: string) => boolean;
  readonly skipName: (value: string) => boolean;
  readonly expectOperator: (value: string) => void;
  readonly expectKind: (kind: TokenKind) => Token;
  readonly ahead: () => Token;
  /** Runs a parser of something that may hold itself, to a bounded depth. */
  readonly nested: <T>(parse: () => T) => T;
  readonly unexpected: (expected: string) => never;
}

const names: Partial<Record<TokenKind, string>> = {
  end: "the template's end",
  "block-begin": "'{%'",
  "block-end": "'%}'",
  "variable-end": "'}}'",
};

export function tokenStream(source: string): TokenStream {
  const tokens = tokenize(source);
  let [position, depth] = [0, 0];
  const current = (): Token => tokens[position] as Token;
  const next = (): Token => tokens[position < tokens.length - 1 ? position++ : position] as Token;
  const isKind = (kind: TokenKind): boolean => current().kind === kind;
  const isOperator = (value: string): boolean => isKind("operator") && current().value === value;
  const isName = (...values: string[]): boolean => isKind("name") && values.includes(current().value);
  const unexpected = (expected: string): never => {
    const { kind, value, line } = current();
    return syntaxError(`expected ${expected}, received ${names[kind] ?? `'${value.slice(0, 50)}'`}`, line);
  };
  const skipIf = (holds: boolean): boolean => {
    if (holds) next();
    return holds;
  };
  return {
    current,
    next,
    isKind,
    isOperator,
    isName,
    skipOperator: (value) => skipIf(isOperator(value)),
    skipName: (value) => skipIf(isName(value)),
    expectOperator(value) {
      if (!skipIf(isOperator(value))) unexpected(`'${value}'`);
    },
    expectKind: (kind) => (isKind(kind) ? next() : unexpected(names[kind] ?? kind)),
    ahead: () => tokens[Math.min(position + 1, tokens.length - 1)] as Token,
    nested: (parse) => {
      if (++depth > maxNesting) syntaxError(`expected at most ${maxNesting} parts inside one another`, current().line);
      const parsed = parse();
      depth--;
      return parsed;
    },
    unexpected,
  };
}
