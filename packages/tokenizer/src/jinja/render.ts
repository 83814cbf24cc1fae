/* eslint-disable max-lines-per-function -- an interpreter: small functions around one state */
/** Runs a parsed template. Text goes out as it comes, so that `break` and `continue` keep what stands before them. */
import { maxCalls } from "./budget.js";
import { TemplateError, fail } from "./errors.js";
import { createEvaluator } from "./evaluate.js";
import { createLoop } from "./loop.js";
import { createMacro } from "./macro.js";
import type { Machine } from "./machine.js";
import { str } from "./print.js";
import { Scope, bodyName } from "./scope.js";
import type { Body, Expression, Statement, Target } from "./syntax.js";
import { Namespace, isTrue, type Given, type Value } from "./values.js";

/** How a body ended. */
type End = "end" | "break" | "continue";
type Write = (text: string) => void;
type Of<Kind extends Statement["kind"]> = Extract<Statement, { kind: Kind }>;

export function render(template: Body, machine: Machine, scope: Scope): string {
  const { budget } = machine;
  const { evaluate, given } = createEvaluator(machine);
  let calls = 0;

  function captured(body: Body, inner: Scope): string {
    return collected((write) => run(body, inner, write));
  }

  /** The text that something writes, no deeper than calls may go. */
  function collected(run: (write: Write) => unknown): string {
    if (++calls > maxCalls)
      throw new TemplateError("limit", `expected at most ${maxCalls} macros and loops inside one another`);
    const parts: string[] = [];
    let length = 0;
    run((text) => {
      budget.grow(length, text.length);
      length += text.length;
      parts.push(text);
    });
    calls--;
    return parts.join("");
  }

  const macro = (name: string, { signature, body }: Of<"macro" | "call-block">, outer: Scope): Value =>
    createMacro({ name, signature, outer, evaluate, render: (inner) => captured(body, inner) });

  function run(body: Body, inner: Scope, write: Write): End {
    for (const statement of body) {
      let end: End;
      try {
        budget.spend();
        end = step(statement, inner, write);
      } catch (error) {
        if (error instanceof TemplateError) error.line ??= statement.line;
        throw error;
      }
      if (end !== "end") return end;
    }
    return "end";
  }

  function step(statement: Statement, inner: Scope, write: Write): End {
    switch (statement.kind) {
      case "text":
        write(statement.text);
        return "end";
      case "output":
        write(str(evaluate(statement.value, inner), budget));
        return "end";
      case "if":
        return run(isTrue(evaluate(statement.condition, inner)) ? statement.then : statement.otherwise, inner, write);
      case "for":
        return loop(statement, evaluate(statement.items, inner), inner, write, 0);
      case "set":
        assign(statement.target, evaluate(statement.value, inner), inner);
        return "end";
      case "capture":
        assign(statement.target, filtered(statement.filter, statement.body, inner), inner);
        return "end";
      case "filter-block":
        write(str(filtered(statement.filter, statement.body, inner), budget));
        return "end";
      case "macro":
        inner.set(statement.name, macro(statement.name, statement, inner));
        return "end";
      case "call-block":
        write(str(callBlock(statement, inner), budget));
        return "end";
      case "with":
        return withValues(statement, inner, write);
      case "generation":
        write(captured(statement.body, new Scope(inner)));
        return "end";
      case "break":
      case "continue":
        return statement.kind;
    }
  }

  function filtered(filter: Expression | undefined, body: Body, outer: Scope): Value {
    const text = captured(body, new Scope(outer));
    if (filter === undefined) return text;
    const inner = new Scope(outer);
    inner.set(bodyName, text);
    return evaluate(filter, inner);
  }

  function callBlock(statement: Of<"call-block">, outer: Scope): Value {
    const { call } = statement;
    if (call.kind !== "call") return fail("expected a call");
    const args = given(call.args, outer);
    const named = new Map([...args.named, ["caller", macro("caller", statement, outer)] as const]);
    return machine.call(evaluate(call.callee, outer), { positional: args.positional, named });
  }

  function withValues({ values, body }: Of<"with">, outer: Scope, write: Write): End {
    const inner = new Scope(outer);
    for (const [target, value] of values) assign(target, evaluate(value, outer), inner);
    return run(body, inner, write);
  }

  function loop(statement: Of<"for">, items: Value, outer: Scope, write: Write, depth: number): End {
    const { target, condition, body, otherwise, recursive } = statement;
    const takes = (item: Value): boolean => {
      if (condition === undefined) return true;
      const trial = new Scope(outer);
      assign(target, item, trial);
      return isTrue(evaluate(condition, trial));
    };
    const again = ({ positional, named }: Given): Value => {
      const items = positional[0] ?? named.get("iterable") ?? null;
      return collected((inside) => loop(statement, items, outer, inside, depth + 1));
    };
    const { advance, variable } = createLoop(machine, {
      items: machine.iterate(items),
      takes,
      depth,
      again: recursive ? again : undefined,
    });
    let whole = false;
    for (let item = advance(); item !== undefined; item = advance()) {
      budget.spend();
      const inner = new Scope(outer);
      inner.set("loop", variable);
      assign(target, item.value, inner);
      const end = run(body, inner, write);
      if (end === "break") break;
      // Jinja2's `else` runs unless one round came to its end.
      whole ||= end === "end";
    }
    return whole ? "end" : run(otherwise, new Scope(outer), write);
  }

  function assign(target: Target, value: Value, inner: Scope): void {
    if (target.kind === "name") inner.set(target.name, value);
    else if (target.kind === "field") {
      const namespace = inner.get(target.name);
      if (!(namespace instanceof Namespace)) return fail("cannot assign attribute on non-namespace object");
      namespace.values.set(target.field, value);
    } else {
      const values = machine.iterate(value);
      if (values.length !== target.targets.length)
        fail(`expected ${target.targets.length} values to unpack, received ${values.length}`);
      target.targets.forEach((part, i) => assign(part, values[i] as Value, inner));
    }
  }

  return captured(template, scope);
}
