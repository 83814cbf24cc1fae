/* eslint-disable max-lines-per-function -- a scanner: small functions around one state */
/** A template's text as tokens, with Jinja2's whitespace rules under `trim_blocks` and `lstrip_blocks`. */
import { syntaxError } from "./errors.js";
import { unescape } from "./literals.js";
import { stripEnd } from "./whitespace.js";

export type TokenKind =
  | "text"
  | "block-begin"
  | "block-end"
  | "variable-begin"
  | "variable-end"
  | "name"
  | "string"
  | "integer"
  | "float"
  | "operator"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  /** Text, name, operator, unescaped string, or a number's digits. */
  readonly value: string;
  readonly line: number;
}

const whitespace = String.raw`[\s\x1c-\x1f\x85]`;
// Python's \s, not JavaScript's: no U+FEFF.
const space = String.raw`(?:(?!\ufeff)${whitespace})*`;
const opening = new RegExp(String.raw`\{%[-+]?${space}raw${space}(?:-%\}${space}|%\})|\{([%{#])([-+]?)`, "g");
const endRaw = new RegExp(String.raw`\{%([-+]?)${space}endraw${space}(?:\+%\}|-%\}${space}|%\}\n?)`, "g");
const endComment = new RegExp(String.raw`\+#\}|-#\}${space}|#\}\n?`, "g");
const endBlock = new RegExp(String.raw`\+%\}|-%\}${space}|%\}\n?`, "y");
const endVariable = new RegExp(String.raw`-\}\}${space}|\}\}`, "y");
const spaces = new RegExp(String.raw`(?:(?!\ufeff)${whitespace})+`, "y");
const number =
  /(?<float>(?<!\.)\d(?:_?\d)*(?:\.\d(?:_?\d)*e[+-]?\d(?:_?\d)*|e[+-]?\d(?:_?\d)*|\.\d(?:_?\d)*))|0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const name = /[\p{ID_Start}_][\p{ID_Continue}]*/uy;
const quoted = /'((?:[^'\\]|\\[^])*)'|"((?:[^"\\]|\\[^])*)"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+*/%~()[\]{}<>=.:|,;]/y;
const closers: Readonly<Record<string, string>> = { "{": "}", "(": ")", "[": "]" };

/** Throws a TemplateError of kind `syntax`. */
export function tokenize(file: string): Token[] {
  // Line ends are one character to Jinja2, and the file's last one does not count.
  const source = file.replace(/\r\n|\r/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  let [position, line, lineStarts] = [0, 1, true];

  const push = (kind: TokenKind, value: string): void => void tokens.push({ kind, value, line });
  /** Goes on behind what was matched, and counts its lines. */
  function pass(matched: string): void {
    position += matched.length;
    for (let i = matched.indexOf("\n"); i !== -1; i = matched.indexOf("\n", i + 1)) line++;
    lineStarts = matched.endsWith("\n");
  }
  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = position;
    return pattern.exec(source);
  }
  /** The text before a tag, as the tag's sign leaves it. */
  function before(text: string, sign: string, strips: boolean): string {
    if (sign === "-") return stripEnd(text);
    const start = text.lastIndexOf("\n") + 1;
    const alone = (start > 0 || lineStarts) && stripEnd(text.slice(start)) === "";
    return sign !== "+" && strips && alone ? text.slice(0, start) : text;
  }
  function data(text: string, sign: string, strips: boolean): void {
    const kept = before(text, sign, strips);
    if (kept !== "") push("text", kept);
    pass(text);
  }

  while (position < source.length) {
    const found = match(opening);
    if (found === null) {
      push("text", source.slice(position));
      break;
    }
    const [tag, kind, sign = ""] = found;
    data(
      source.slice(position, found.index),
      kind === undefined ? (/^\{%([-+]?)/.exec(tag)?.[1] ?? "") : sign,
      kind !== "{",
    );
    pass(tag);
    if (kind === undefined) raw();
    else if (kind === "#") comment();
    else inside(kind === "%" ? "block" : "variable");
  }
  push("end", "");
  return tokens;

  function raw(): void {
    const found = match(endRaw);
    if (found === null) syntaxError("expected {% endraw %}", line);
    data(source.slice(position, found.index), found[1] ?? "", true);
    pass(found[0]);
  }

  function comment(): void {
    const found = match(endComment);
    if (found === null) syntaxError("expected #} at a comment's end", line);
    pass(source.slice(position, found.index) + found[0]);
  }

  function inside(kind: "block" | "variable"): void {
    push(`${kind}-begin`, "");
    const brackets: string[] = [];
    for (;;) {
      const end = brackets.length === 0 ? match(kind === "block" ? endBlock : endVariable) : null;
      if (end !== null) {
        push(`${kind}-end`, "");
        pass(end[0]);
        return;
      }
      const blank = match(spaces);
      if (blank !== null) pass(blank[0]);
      else pass(expressionToken(brackets));
    }
  }

  function expressionToken(brackets: string[]): string {
    const digits = match(number);
    if (digits !== null) {
      push(digits.groups?.["float"] === undefined ? "integer" : "float", digits[0].replaceAll("_", ""));
      return digits[0];
    }
    const word = match(name);
    if (word !== null) {
      push("name", word[0]);
      return word[0];
    }
    const literal = match(quoted);
    if (literal !== null) {
      push("string", unescape(literal[1] ?? literal[2] ?? "", line));
      return literal[0];
    }
    const sign = match(operator);
    if (sign === null)
      syntaxError(
        position >= source.length ? "the template ends inside a tag" : `unexpected ${JSON.stringify(source[position])}`,
        line,
      );
    balance(brackets, sign[0], line);
    push("operator", sign[0]);
    return sign[0];
  }
}

function balance(brackets: string[], sign: string, line: number): void {
  const closer = closers[sign];
  if (closer !== undefined) brackets.push(closer);
  else if (sign === "}" || sign === ")" || sign === "]") {
    const expected = brackets.pop();
    if (expected !== sign)
      syntaxError(`unexpected '${sign}'${expected === undefined ? "" : `, expected '${expected}'`}`, line);
  }
}
