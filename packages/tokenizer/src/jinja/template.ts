/** Jinja2 as transformers sets it up for chat templates. */
import { createBudget } from "./budget.js";
import { createMachine, hasFilter, hasTest } from "./evaluate.js";
import { fromJavaScript } from "./from-javascript.js";
import { globals } from "./globals.js";
import { parseTemplate } from "./parser.js";
import { render } from "./render.js";
import { Scope } from "./scope.js";

export interface RenderOptions {
  /** For `strftime_now`. Default: the machine's clock. */
  readonly now?: () => Date;
  /** Steps that the rendering may take. */
  readonly steps?: number;
}

export type CompiledTemplate = (variables: Readonly<Record<string, unknown>>, options?: RenderOptions) => string;

/** Throws a TemplateError, here and on rendering. */
export function compileTemplate(source: string): CompiledTemplate {
  const template = parseTemplate(source, { hasFilter, hasTest });
  return (variables, { now = () => new Date(), steps } = {}) => {
    const budget = createBudget(steps);
    const machine = createMachine(budget, now);
    const outer = new Scope();
    for (const [name, value] of globals(machine)) outer.set(name, value);
    for (const [name, value] of Object.entries(variables))
      if (value !== undefined) outer.set(name, fromJavaScript(value, name, budget));
    return render(template, machine, new Scope(outer));
  };
}
