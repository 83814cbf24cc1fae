/* eslint-disable max-lines-per-function -- a recursive-descent parser: small functions around one state */
/** Parses expressions, with Jinja2's precedence: it is not Python's for `~`, `not`, filters and unary signs. */
import { syntaxError } from "./errors.js";
import type { Arguments, BinaryOperator, Comparison, Expression, Slice } from "./syntax.js";
import type { TokenStream } from "./token-stream.js";

export interface ExpressionParser {
  readonly expression: (withChoice?: boolean) => Expression;
  /** Expressions with commas between them are a tuple. */
  readonly tuple: (options?: { parentheses?: boolean; withChoice?: boolean; ends?: readonly string[] }) => Expression;
  readonly primary: () => Expression;
  /** `name(args) | name …`, of the given input. */
  readonly filters: (input: Expression, inline?: boolean) => Expression;
}

export interface Names {
  /** Called for every variable that is read. */
  readonly read: (name: string) => void;
  readonly hasFilter: (name: string) => boolean;
  readonly hasTest: (name: string) => boolean;
  /** Filters and tests that are not there. Under a condition that is an error only once it comes to it. */
  readonly unknown: { readonly message: string; readonly line: number }[];
}

const noArguments: Arguments = { positional: [], named: [], rest: undefined, restNamed: undefined };
const constants = new Map<string, null | boolean>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);
const comparisons = ["==", "!=", "<", "<=", ">", ">="];

export function expressionParser(stream: TokenStream, names: Names): ExpressionParser {
  const { isOperator, isName, skipOperator, skipName, expectOperator, expectKind, next, current } = stream;

  function expression(withChoice = true): Expression {
    return stream.nested(() => (withChoice ? choice() : or()));
  }

  function choice(): Expression {
    const known = names.unknown.length;
    let value = or();
    while (skipName("if")) {
      const condition = or();
      value = { kind: "choice", condition, then: value, otherwise: skipName("else") ? expression() : undefined };
      names.unknown.length = known;
    }
    return value;
  }

  function or(): Expression {
    let left = and();
    while (skipName("or")) left = { kind: "or", left, right: and() };
    return left;
  }

  function and(): Expression {
    let left = not();
    while (skipName("and")) left = { kind: "and", left, right: not() };
    return left;
  }

  function not(): Expression {
    return skipName("not") ? { kind: "not", operand: stream.nested(not) } : compare();
  }

  function compare(): Expression {
    const first = sum();
    const rest: [Comparison, Expression][] = [];
    for (;;) {
      const { kind, value } = current();
      if (kind === "operator" && comparisons.includes(value)) rest.push([next().value as Comparison, sum()]);
      else if (skipName("in")) rest.push(["in", sum()]);
      else if (isName("not") && stream.ahead().kind === "name" && stream.ahead().value === "in") {
        next();
        next();
        rest.push(["not in", sum()]);
      } else return rest.length === 0 ? first : { kind: "compare", first, rest };
    }
  }

  const chain = (operators: readonly BinaryOperator[], operand: () => Expression) => (): Expression => {
    let left = operand();
    for (;;) {
      const operator = operators.find(isOperator);
      if (operator === undefined) return left;
      next();
      left = { kind: "binary", operator, left, right: operand() };
    }
  };
  const power = chain(["**"], () => unary(true));
  const product = chain(["*", "/", "//", "%"], power);
  const sum = chain(["+", "-"], concat);

  function concat(): Expression {
    const parts = [product()];
    while (skipOperator("~")) parts.push(product());
    return parts.length === 1 ? (parts[0] as Expression) : { kind: "concat", parts };
  }

  function unary(withFilters: boolean): Expression {
    const sign = isOperator("-") ? "negative" : isOperator("+") ? "positive" : undefined;
    if (sign !== undefined) next();
    const operand =
      sign === undefined ? primary() : ({ kind: sign, operand: stream.nested(() => unary(false)) } as const);
    const value = postfix(operand);
    return withFilters ? filtered(value) : value;
  }

  function primary(): Expression {
    const { kind, value } = current();
    if (kind === "name") {
      next();
      if (constants.has(value)) return { kind: "constant", value: constants.get(value) ?? null };
      names.read(value);
      return { kind: "name", name: value };
    }
    if (kind === "string") {
      let text = "";
      while (stream.isKind("string")) text += next().value;
      return { kind: "constant", value: text };
    }
    if (kind === "integer") return { kind: "constant", value: BigInt(next().value.toLowerCase()) };
    if (kind === "float") return { kind: "constant", value: Number(next().value) };
    if (skipOperator("(")) {
      const value = stream.nested(() => tuple({ parentheses: true }));
      expectOperator(")");
      return value;
    }
    if (skipOperator("[")) return { kind: "list", items: listed("]") };
    if (skipOperator("{")) return dict();
    return stream.unexpected("an expression");
  }

  function listed(closer: string): Expression[] {
    const items: Expression[] = [];
    while (!skipOperator(closer)) {
      if (items.length > 0) expectOperator(",");
      if (!isOperator(closer)) items.push(expression());
    }
    return items;
  }

  function dict(): Expression {
    const entries: [Expression, Expression][] = [];
    while (!skipOperator("}")) {
      if (entries.length > 0) expectOperator(",");
      if (isOperator("}")) continue;
      const key = expression();
      expectOperator(":");
      entries.push([key, expression()]);
    }
    return { kind: "dict", entries };
  }

  function tuple({ parentheses = false, withChoice = true, ends = [] as readonly string[] } = {}): Expression {
    const items: Expression[] = [];
    const atEnd = (): boolean =>
      stream.isKind("variable-end") || stream.isKind("block-end") || isOperator(")") || isName(...ends);
    let commas = false;
    while (!atEnd()) {
      items.push(expression(withChoice));
      if (!skipOperator(",")) break;
      commas = true;
    }
    if (items.length === 0 && !parentheses) stream.unexpected("an expression");
    return items.length === 1 && !commas ? (items[0] as Expression) : { kind: "tuple", items };
  }

  function postfix(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (skipOperator(".")) value = attribute(value);
      else if (skipOperator("[")) value = { kind: "item", target: value, index: subscript() };
      else if (isOperator("(")) value = { kind: "call", callee: value, args: callArguments() };
      else return value;
    }
  }

  function attribute(target: Expression): Expression {
    if (!stream.isKind("integer")) return { kind: "attribute", target, name: expectKind("name").value };
    return { kind: "item", target, index: { kind: "constant", value: BigInt(next().value) } };
  }

  function subscript(): Expression | Slice {
    const items: (Expression | Slice)[] = [];
    while (!skipOperator("]")) {
      if (items.length > 0) expectOperator(",");
      items.push(subscribed());
    }
    const [only] = items;
    if (items.length === 1 && only !== undefined) return only;
    const parts = items.filter((item): item is Expression => item.kind !== "slice");
    if (items.length === 0 || parts.length < items.length) syntaxError("expected one index or slice", current().line);
    return { kind: "tuple", items: parts };
  }

  function subscribed(): Expression | Slice {
    const part = (): Expression | undefined =>
      isOperator(":") || isOperator("]") || isOperator(",") ? undefined : expression();
    const start = part();
    if (!skipOperator(":")) return start ?? stream.unexpected("an index");
    const stop = part();
    return { kind: "slice", start, stop, step: skipOperator(":") ? part() : undefined };
  }

  function callArguments(): Arguments {
    const { line } = current();
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    let [rest, restNamed]: (Expression | undefined)[] = [];
    expectOperator("(");
    for (let first = true; !isOperator(")"); first = false) {
      if (!first) expectOperator(",");
      if (isOperator(")")) break;
      const last = restNamed !== undefined;
      if (!last && rest === undefined && skipOperator("*")) rest = expression();
      else if (!last && skipOperator("**")) restNamed = expression();
      else if (!last && stream.isKind("name") && stream.ahead().kind === "operator" && stream.ahead().value === "=") {
        const name = next().value;
        next();
        named.push([name, expression()]);
      } else if (!last && rest === undefined && named.length === 0) positional.push(expression());
      else syntaxError("expected positional arguments, then named ones, *list and **object", line);
    }
    expectOperator(")");
    return { positional, named, rest, restNamed };
  }

  function filtered(start: Expression): Expression {
    let value = start;
    for (;;) {
      if (isOperator("|")) value = filters(value);
      else if (skipName("is")) value = test(value);
      else if (isOperator("(")) value = { kind: "call", callee: value, args: callArguments() };
      else return value;
    }
  }

  function dottedName(): string {
    let { value } = expectKind("name");
    while (skipOperator(".")) value += `.${expectKind("name").value}`;
    return value;
  }

  function filters(input: Expression, inline = false): Expression {
    let value = input;
    let named = inline;
    while (named || skipOperator("|")) {
      const { line } = current();
      const name = dottedName();
      if (!names.hasFilter(name)) names.unknown.push({ message: `there is no filter '${name}'`, line });
      value = { kind: "filter", input: value, name, args: isOperator("(") ? callArguments() : noArguments };
      named = false;
    }
    return value;
  }

  function test(input: Expression): Expression {
    const negated = skipName("not");
    const { line } = current();
    const name = dottedName();
    if (!names.hasTest(name)) names.unknown.push({ message: `there is no test '${name}'`, line });
    const value: Expression = { kind: "test", input, name, args: testArguments() };
    return negated ? { kind: "not", operand: value } : value;
  }

  function testArguments(): Arguments {
    if (isOperator("(")) return callArguments();
    const { kind } = current();
    const begins = ["name", "string", "integer", "float"].includes(kind) || isOperator("[") || isOperator("{");
    if (!begins || isName("else", "or", "and")) return noArguments;
    if (isName("is")) syntaxError("expected one test, received a second `is`", current().line);
    return { ...noArguments, positional: [postfix(primary())] };
  }

  return { expression, tuple, primary, filters };
}
