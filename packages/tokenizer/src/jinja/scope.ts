/** Variables: a loop, macro or `with` has a scope of its own, whose assignments end with it. */
import { Undefined, type Value } from "./values.js";

export class Scope {
  readonly #values = new Map<string, Value>();
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  get(name: string): Value | undefined {
    const value = this.#values.get(name);
    return value === undefined ? this.#parent?.get(name) : value;
  }

  /** As `get`; what is not there is Undefined. */
  read(name: string): Value {
    const value = this.get(name);
    return value === undefined ? new Undefined(`'${name}' is undefined`) : value;
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}

/** Under which a filter block keeps the text that it filters: no variable has this name. */
export const bodyName = "{% filter %}";
