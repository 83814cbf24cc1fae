/** A visitor's own strategy: an ES module that runs in this page. */
import type { Strategy } from "@dynamo/core";

/**
 * The strategy that a module exports: by the name `strategy`, by default, or as a function that makes one. Throws for a
 * module without one.
 */
export function strategyIn(module: Readonly<Record<string, unknown>>): Strategy {
  const exported = module["strategy"] ?? module["default"];
  const made: unknown = typeof exported === "function" ? (exported as () => unknown)() : exported;
  if (!isStrategy(made)) {
    const names = Object.keys(module);
    throw new Error(
      `expected a module that exports a strategy { name, step } as "strategy" or by default, received ${names.length === 0 ? "no export" : `exports ${names.join(", ")}`}`,
    );
  }
  return made;
}

const isStrategy = (value: unknown): value is Strategy =>
  typeof value === "object" &&
  value !== null &&
  "name" in value &&
  typeof value.name === "string" &&
  "step" in value &&
  typeof value.step === "function";

/** Runs the file's code. */
export async function importPlugin(file: File): Promise<Strategy> {
  const url = URL.createObjectURL(new Blob([await file.text()], { type: "text/javascript" }));
  try {
    const module = (await import(/* @vite-ignore */ url)) as Record<string, unknown>;
    return strategyIn(module);
  } finally {
    URL.revokeObjectURL(url);
  }
}
