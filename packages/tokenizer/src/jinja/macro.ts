/** Macros: functions of a template. They see the variables around their definition, not those around their call. */
import { fail } from "./errors.js";
import type { Evaluate } from "./evaluate.js";
import { Scope } from "./scope.js";
import type { Signature } from "./syntax.js";
import { Dict, Thing, Tuple, Undefined, type Given, type Value } from "./values.js";

export interface MacroOptions {
  readonly name: string;
  readonly signature: Signature;
  readonly outer: Scope;
  readonly evaluate: Evaluate;
  readonly render: (scope: Scope) => string;
}

export function createMacro({ name, signature, outer, evaluate, render }: MacroOptions): Thing {
  const { parameters, defaults, reads } = signature;
  const wants = (special: string): boolean => reads.has(special) && !parameters.includes(special);

  function call({ positional, named }: Given): Value {
    const inner = new Scope(outer);
    const more = new Map(named);
    parameters.forEach((parameter, i) => {
      if (i < positional.length && more.has(parameter))
        fail(`macro '${name}' got multiple values for argument '${parameter}'`);
      const value = positional[i] ?? (i < positional.length ? null : more.get(parameter));
      more.delete(parameter);
      const otherwise = defaults[i - (parameters.length - defaults.length)];
      inner.set(
        parameter,
        value ??
          (value === null
            ? null
            : otherwise === undefined
              ? new Undefined(`parameter '${parameter}' was not provided`)
              : evaluate(otherwise, inner)),
      );
    });
    if (wants("caller")) {
      inner.set("caller", more.get("caller") ?? new Undefined("No caller defined"));
      more.delete("caller");
    }
    rest(inner, positional.slice(parameters.length), more);
    return render(inner);
  }

  function rest(inner: Scope, positional: readonly Value[], named: Map<string, Value>): void {
    if (wants("kwargs")) inner.set("kwargs", new Dict(named));
    else if (named.size > 0) fail(`macro '${name}' takes no keyword argument '${[...named.keys()].join("', '")}'`);
    if (wants("varargs")) inner.set("varargs", new Tuple(positional));
    else if (positional.length > 0) fail(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
  }

  const attributes: Readonly<Record<string, Value>> = {
    name,
    arguments: new Tuple(parameters),
    catch_kwargs: wants("kwargs"),
    catch_varargs: wants("varargs"),
    caller: wants("caller"),
  };
  return new Thing("Macro", {
    call,
    text: `<Macro '${name}'>`,
    attribute: (attribute) => (Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined),
  });
}
